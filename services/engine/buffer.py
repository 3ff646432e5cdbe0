"""Points held back by group, in order of arrival, forgotten from the front: what windows and their like keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from services.engine.column import Column, IntArray, Kind, Rows
from services.engine.frame import Points, concat_points, group_order, ranges
from services.engine.node import State
from services.engine.segments import first_at_least, grown, running_max
from services.engine.series import Series, SeriesTable


class GroupBuffer:
    """Points of many groups. What is added lies in a tail until it is worth sorting into the base.

    The base holds points sorted by local group number, each group's in order of arrival; `front[g]:end[g]` are the rows
    of group g that are still held. Adding costs amortized O(1) a point, however many are held.
    """

    def __init__(self) -> None:
        self._base = Points(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32))
        self._top: IntArray = self._base.time
        self.front: Rows = np.zeros(0, dtype=np.intp)
        self.end: Rows = np.zeros(0, dtype=np.intp)
        self._tail: list[Points] = []
        self._tail_groups: list[IntArray] = []

    def add(self, points: Points, local: IntArray) -> None:
        """Hold points back; `local`: int64[n], their local group numbers. The points must be detached."""
        self._tail.append(points)
        self._tail_groups.append(local)
        if len(self._tail) > 64 and sum(map(len, self._tail)) > len(self._base):
            self.sort()

    def sort(self) -> None:
        """Bring everything into the base, and let go of what has been forgotten."""
        if not self._tail:
            return
        kept = self.end - self.front
        rows = ranges(self.front, kept)
        groups = np.repeat(np.arange(len(kept), dtype=np.int64), kept)
        held = [self._base.take(rows)] if len(rows) else []
        every = np.concatenate([groups, *self._tail_groups])
        points = concat_points([*held, *self._tail])
        order = group_order(every)
        self._base = points.take(order.order).detached()
        self._tail, self._tail_groups = [], []
        ordered = every[order.order[order.starts]]
        size = int(ordered[-1]) + 1 if len(ordered) else 0
        self.front = np.zeros(max(size, len(kept)), dtype=np.intp)
        self.end = np.zeros_like(self.front)
        self.front[ordered] = order.starts
        self.end[ordered] = order.ends
        self._top = running_max(self._base.time, order.starts)

    def points(self, starts: Rows, ends: Rows) -> tuple[Points, Rows]:
        """The base's points of several row ranges end to end, and their offsets: intp[len(starts)+1]."""
        lengths = ends - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        return self._base.take(ranges(starts, lengths)), offsets

    def first_not_before(self, lo: Rows, hi: Rows, time: IntArray, *, above: bool = False) -> Rows:
        """For each lo:hi the first base row at or after (`above`: only after) `time` reckoned from the front.

        Points out of order stay: only those before the first point that is young enough are passed over.
        """
        return first_at_least(self._top, lo, hi, time, above=above)

    def reach(self, size: int) -> None:
        """Make room for local numbers up to `size`."""
        self.front = grown(self.front, size)
        self.end = grown(self.end, size)

    def keep(self, locals_: Rows) -> None:
        """Keep only these groups, renumbered 0… in that order."""
        self.sort()
        self.reach(int(locals_.max(initial=-1)) + 1)
        front, end = self.front[locals_], self.end[locals_]
        points, offsets = self.points(front, end)
        self._base = points.detached()
        self.front, self.end = offsets[:-1].copy(), offsets[1:].copy()
        live = self.front[self.front < self.end]
        self._top = running_max(self._base.time, live if len(live) else np.zeros(1, dtype=np.intp))

    def state(self, table: SeriesTable) -> State:
        """All points held, as plain data."""
        self.sort()
        kept = self.end - self.front
        points = self._base.take(ranges(self.front, kept))
        return {"counts": kept, "points": points_state(points, table)}

    def restore(self, state: State, table: SeriesTable) -> None:
        """Take up what `state` gave."""
        counts = np.asarray(state["counts"], dtype=np.intp)
        points = points_from_state(state["points"], table)
        self.__init__()  # type: ignore[misc]
        self.add(points, np.repeat(np.arange(len(counts), dtype=np.int64), counts))
        self.sort()
        self.reach(len(counts))


def points_state(points: Points, table: SeriesTable) -> State:
    """Points as plain data: series by name, columns as arrays."""
    numbers, series_of = np.unique(points.series, return_inverse=True)
    named: list[Any] = []
    for n in numbers.tolist():
        s = table.series(n)
        named.append([s.database, s.retention_policy, s.name, [list(t) for t in s.tags]])
    columns = {name: [c.kind.value, c.values, c.valid] for name, c in points.columns().items()}
    return {"time": points.time, "series": named, "series_of": series_of.astype(np.int32), "columns": columns}


def points_from_state(state: State, table: SeriesTable) -> Points:
    """What `points_state` gave."""
    numbers = np.array(
        [table.number(Series(db, rp, name, _tags(tags))) for db, rp, name, tags in state["series"]], dtype=np.int32
    )
    columns = {name: Column(Kind(kind), values, valid) for name, (kind, values, valid) in state["columns"].items()}
    series = numbers[state["series_of"]] if len(numbers) else np.empty(0, dtype=np.int32)
    return Points(np.asarray(state["time"], dtype=np.int64), series, columns)


def _tags(tags: Iterable[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in tags)
