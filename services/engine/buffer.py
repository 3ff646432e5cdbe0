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

_TAIL = 64  # frames that may lie unsorted
_YOUNG, _PART = 8192, 16  # points that the young level may have: so many, or this part of the old one's


class GroupBuffer:
    """Points of many groups. A group's held points are counted from 0, the one that came first, in all that is asked.

    What is added lies in a tail until it is asked for; then it is sorted by group into the young level, and that, when
    it has grown to a part of the old level, into the old one. So holding many points does not make adding few dear.
    """

    def __init__(self) -> None:
        self._old, self._young = _Level(), _Level()
        self._tail: list[Points] = []
        self._tail_groups: list[IntArray] = []

    def add(self, points: Points, local: IntArray) -> None:
        """Hold points back; `local`: int64[n], their local group numbers. The points must be detached."""
        self._tail.append(points)
        self._tail_groups.append(local)
        if len(self._tail) > _TAIL:
            self.sort()

    def sort(self) -> None:
        """Make all that was added so far be counted."""
        if not self._tail:
            return
        self._young = _Level.of([*self._young.held(), *zip(self._tail, self._tail_groups, strict=True)])
        self._tail, self._tail_groups = [], []
        if len(self._young) > max(_YOUNG, len(self._old) // _PART):
            self._old = _Level.of([*self._old.held(), *self._young.held()])
            self._young = _Level()

    def held(self, group: IntArray) -> Rows:
        """How many points each of these groups has: intp[k]."""
        return self._old.counts(group) + self._young.counts(group)

    def first_not_before(self, group: IntArray, upper: Rows, time: IntArray, *, above: bool = False) -> Rows:
        """For each group the first of its points 0 … upper-1 at or after (`above`: after) `time`; else `upper`.

        Points out of order stay: only those before the first point that is young enough are passed over.
        """
        in_old = np.minimum(upper, self._old.counts(group))
        first = self._old.first(group, in_old, time, above)
        beyond = np.flatnonzero(first == in_old)
        rest = (upper - in_old)[beyond]
        first[beyond] += self._young.first(group[beyond], rest, time[beyond], above)
        return first

    def points(self, group: IntArray, lower: Rows, upper: Rows) -> tuple[Points, Rows]:
        """The points lower … upper-1 of each group end to end, and their offsets: intp[k+1]."""
        in_old = self._old.counts(group)
        old = self._old.rows(group, np.minimum(lower, in_old), np.minimum(upper, in_old))
        young = self._young.rows(group, np.maximum(lower - in_old, 0), np.maximum(upper - in_old, 0))
        offsets = np.concatenate([[0], np.cumsum(upper - lower)]).astype(np.intp)
        if not young[1].sum():
            return self._old.points.take(ranges(*old)), offsets
        if not old[1].sum():
            return self._young.points.take(ranges(*young)), offsets
        both = concat_points([self._old.points.take(ranges(*old)), self._young.points.take(ranges(*young))])
        starts = np.empty(2 * len(group), dtype=np.intp)
        lengths = np.empty(2 * len(group), dtype=np.intp)
        lengths[::2], lengths[1::2] = old[1], young[1]
        starts[::2] = np.cumsum(old[1]) - old[1]
        starts[1::2] = old[1].sum() + np.cumsum(young[1]) - young[1]
        return both.take(ranges(starts, lengths)), offsets

    def forget(self, group: IntArray, lower: Rows) -> None:
        """Let the points before `lower` go; a group may stand several times, its largest `lower` counts."""
        distinct, of = np.unique(group, return_inverse=True)
        most = np.zeros(len(distinct), dtype=np.intp)
        np.maximum.at(most, of, lower)
        in_old = np.minimum(most, self._old.counts(distinct))
        self._old.forget(distinct, in_old)
        self._young.forget(distinct, most - in_old)

    def keep(self, locals_: Rows) -> None:
        """Keep only these groups, renumbered 0… in that order."""
        self.sort()
        counts = self.held(locals_)
        points, _ = self.points(locals_, np.zeros(len(counts), dtype=np.intp), counts)
        self._take(points, counts)

    def state(self, table: SeriesTable) -> State:
        """All points held, as plain data."""
        self.sort()
        every = np.arange(max(self._old.groups, self._young.groups), dtype=np.int64)
        counts = self.held(every)
        points, _ = self.points(every, np.zeros(len(counts), dtype=np.intp), counts)
        return {"counts": counts, "points": points_state(points, table)}

    def restore(self, state: State, table: SeriesTable) -> None:
        """Take up what `state` gave."""
        self._tail, self._tail_groups = [], []
        self._take(points_from_state(state["points"], table), np.asarray(state["counts"], dtype=np.intp))

    def _take(self, points: Points, counts: Rows) -> None:
        """Hold just these points, `counts[g]` of each group g one after another."""
        self._old = _Level.of([(points, np.repeat(np.arange(len(counts), dtype=np.int64), counts))])
        self._young = _Level()


class _Level:
    """Points sorted by group, each group's in order of arrival; rows front[g] … end[g]-1 are held of group g."""

    def __init__(self) -> None:
        self.points = Points(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32))
        self._top: IntArray = self.points.time  # the latest time so far in the group
        self._front: Rows = np.zeros(0, dtype=np.intp)
        self._end: Rows = np.zeros(0, dtype=np.intp)

    @classmethod
    def of(cls, parts: Sequence[tuple[Points, IntArray]]) -> _Level:
        """A level of points with their local groups, in order of arrival."""
        level = cls()
        if not parts:
            return level
        every = np.concatenate([groups for _, groups in parts])
        order = group_order(every)
        level.points = concat_points([points for points, _ in parts]).take(order.order).detached()
        if len(every):
            ordered = every[order.order[order.starts]]
            level._front = np.zeros(int(ordered[-1]) + 1, dtype=np.intp)
            level._end = np.zeros_like(level._front)
            level._front[ordered], level._end[ordered] = order.starts, order.ends
            level._top = running_max(level.points.time, order.starts)
        return level

    def __len__(self) -> int:
        return len(self.points)

    @property
    def groups(self) -> int:
        """Local group numbers are below this."""
        return len(self._front)

    def held(self) -> list[tuple[Points, IntArray]]:
        """What `of` makes a level of."""
        counts = self._end - self._front
        if not counts.sum():
            return []
        return [
            (self.points.take(ranges(self._front, counts)), np.repeat(np.arange(len(counts), dtype=np.int64), counts))
        ]

    def counts(self, group: IntArray) -> Rows:
        """How many points each of these groups has: intp[k]."""
        self._front, self._end = self._reached(group)
        counts: Rows = self._end[group] - self._front[group]
        return counts

    def first(self, group: IntArray, upper: Rows, time: IntArray, above: bool) -> Rows:
        """As GroupBuffer.first_not_before, of this level's points."""
        front = self._front[group]
        return first_at_least(self._top, front, front + upper, time, above=above) - front

    def rows(self, group: IntArray, lower: Rows, upper: Rows) -> tuple[Rows, Rows]:
        """Where the points lower … upper-1 of each group begin, and how many they are."""
        return self._front[group] + lower, upper - lower

    def forget(self, group: IntArray, count: Rows) -> None:
        """Let so many of each group's points go, from the front."""
        self._front[group] += count

    def _reached(self, group: IntArray) -> tuple[Rows, Rows]:
        size = int(group.max(initial=-1)) + 1
        return grown(self._front, size), grown(self._end, size)


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
