"""Points held back by group, in order of arrival, forgotten from the front: what windows and their like keep."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from services.columns.column import Column, IntArray, Kind, Rows
from services.columns.frame import Points, concat_points, group_order, ranges
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.portable_names import series_from_state, series_state
from services.columns.groups.series import SeriesTable
from services.columns.segments import first_at_least, grown, running_max
from services.columns.snapshot import State
from services.store.codec import Fixed, Later

_TAIL = 64  # frames that may lie unsorted
_YOUNG, _PART = 8192, 16  # points that the young level may have: so many, or this part of the old one's


class KeyedWindowBuffer(KeyedPart):
    """Points of many groups. A group's held points are counted from 0, the one that came first, in all that is asked.

    What is added lies in a tail until it is asked for; then it is sorted by group into the young level, and that, when
    it has grown to a part of the old level, into the old one. So holding many points does not make adding few dear.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
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
        self.sort()
        counts = self.held(locals_)
        points, _ = self.points(locals_, np.zeros(len(counts), dtype=np.intp), counts)
        self._take(points, counts)

    def state(self) -> State:
        """All points held, as plain data: those of the old level, which is seldom another, and the rest."""
        table = self._table
        tail = list(zip(self._tail, self._tail_groups, strict=True))
        young = self._young.as_it_is()
        held = [table.hold(series=points.series) for points in (young.points, *self._tail)]

        def make() -> State:
            return _Level.of([*young.held(), *tail]).state(table) if held[1:] else young.state(table)

        return {"old": self._old.state(table), "young": Later(make)}

    def restore(self, state: State) -> None:
        self._tail, self._tail_groups = [], []
        self._old, self._young = _levels(state, self._table)

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        old, young = (level.only(left).state(table) for level in _levels(state, table))
        return {"old": old, "young": young}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        levels = [_levels(state, table) for state in states]
        old, young = (_Level.joined(some, sizes).state(table) for some in zip(*levels, strict=True))
        return {"old": old, "young": young}

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
        self._saved: State | None = None  # the points as plain data

    def as_it_is(self) -> _Level:
        """The same level, which does not change."""
        level = _Level()
        level.points, level._top, level._saved = self.points, self._top, self._saved
        level._front, level._end = self._front.copy(), self._end.copy()
        return level

    def state(self, table: SeriesTable) -> State:
        """The level as plain data; points that were let go of are in it."""
        if self._saved is None:
            self._saved = points_state(self.points, table)
        return {"front": self._front, "end": self._end, "points": self._saved}

    @classmethod
    def from_state(cls, state: State, table: SeriesTable) -> _Level:
        """What `state` gave."""
        level = cls()
        level.points = points_from_state(state["points"], table)
        level._front, level._end = (np.array(state[name], dtype=np.intp) for name in ("front", "end"))
        starts = np.union1d([0], level._front[level._end > level._front])
        level._top = running_max(level.points.time, starts)
        return level

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

    @classmethod
    def joined(cls, levels: Sequence[_Level], sizes: Sequence[int]) -> _Level:
        """Levels of so many groups each as one, the groups of each behind those of the level before it."""
        bases = [0, *itertools.accumulate(sizes)]
        return cls.of(
            [(points, local + base) for one, base in zip(levels, bases, strict=False) for points, local in one.held()]
        )

    def only(self, left: Rows) -> _Level:
        """The points of these groups (ascending), which are renumbered 0… in that order."""
        parts = []
        for points, local in self.held():
            rows = np.flatnonzero(np.isin(local, left))
            parts.append((points.take(rows), np.searchsorted(left, local[rows])))
        return self.of(parts)

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
        """As KeyedWindowBuffer.first_not_before, of this level's points."""
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


def _levels(state: State, table: SeriesTable) -> tuple[_Level, _Level]:
    old, young = state["old"], state["young"]
    return _Level.from_state(old, table), _Level.from_state(young.make() if isinstance(young, Later) else young, table)


def points_state(points: Points, table: SeriesTable) -> State:
    """Points as plain data: series by name, columns as arrays."""
    columns = {
        name: [c.kind.value, Fixed(c.values), None if c.valid is None else Fixed(c.valid)]
        for name, c in points.columns().items()
    }
    return {"time": Fixed(points.time), "series": series_state(points.series, table), "columns": columns}


def points_from_state(state: State, table: SeriesTable) -> Points:
    """What `points_state` gave."""
    columns = {
        name: Column(Kind(kind), np.asarray(values), None if valid is None else np.asarray(valid))
        for name, (kind, values, valid) in state["columns"].items()
    }
    return Points(np.asarray(state["time"], dtype=np.int64), series_from_state(state["series"], table), columns)
