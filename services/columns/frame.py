"""What flows along the edges of a graph: frames of points, many batches at once, and barriers.

All of it is immutable: a node that changes something makes a new frame that shares the arrays it did not change.
Columns are decoded when first asked for; a frame that nobody asks for a field costs nothing but its time and series.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray, Rows, Value, column_of, concat
from services.columns.groups.ordering import ordered
from services.columns.groups.series import NO_DIMENSIONS, Dimensions, GroupArray, SeriesArray
from services.kernels.compiled import compiled

T = TypeVar("T")
OriginArray = NDArray[np.int64]


class FieldSource(Protocol):
    """Where columns that are not decoded yet come from; rows are the source's own, None is all of them."""

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        """Some fields, each told once, over `rows`; None for one that none of them has."""
        ...

    def names(self, rows: Rows | None) -> list[str]: ...

    def pick(self, rows: Rows) -> FieldSource:
        """The same for some rows alone, holding on to nothing else: to be kept."""


class NoFields:
    """A source without fields."""

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        return [None] * len(names)

    def names(self, rows: Rows | None) -> list[str]:
        return []

    def pick(self, rows: Rows) -> NoFields:
        return self


NO_FIELDS = NoFields()


class Points:
    """n points as columns: time, series, and fields on demand.

    time: int64[n], ns since 1970. series: int32[n], numbers of the worker's SeriesTable.
    """

    __slots__ = ("_all", "_columns", "_expected", "_memo", "_rows", "_source", "series", "time")

    def __init__(
        self,
        time: IntArray,
        series: SeriesArray,
        columns: Mapping[str, Column | None] | None = None,
        source: FieldSource = NO_FIELDS,
        rows: Rows | None = None,
    ) -> None:
        """`columns` lie over the source's: None there hides a field. `rows`: which of the source's, None all."""
        self.time = time
        self.series = series
        self._columns: dict[str, Column | None] = dict(columns or {})
        self._source = source
        self._rows = rows
        self._expected: frozenset[str] = frozenset()
        self._all: list[str] | None = None
        self._memo: dict[Hashable, Any] | None = None

    def __len__(self) -> int:
        return len(self.time)

    def column(self, name: str) -> Column | None:
        """One field over all points; None where no point has it. Kept once decoded."""
        if name not in self._columns:
            self._decode([name, *(other for other in self._expected if other != name and other not in self._columns)])
        return self._columns[name]

    def expect(self, names: Iterable[str]) -> None:
        """Fields that will be asked for: they are decoded with the first of them, which costs less than one by one."""
        self._expected |= frozenset(names)

    def _decode(self, names: Sequence[str]) -> None:
        for name, column in zip(names, self._source.columns(names, self._rows), strict=True):
            there = column is not None and (column.valid is None or column.valid.any())
            self._columns[name] = column if there else None

    def names(self) -> list[str]:
        """The names of all fields that at least one point has, sorted."""
        if self._all is None:
            found = set(self._source.names(self._rows))
            for name, column in self._columns.items():
                if column is None or (column.valid is not None and not column.valid.any()):
                    found.discard(name)
                else:
                    found.add(name)
            self._all = sorted(found)
        return self._all

    def columns(self) -> dict[str, Column]:
        """All fields, by sorted name."""
        self.expect(self.names())
        return {name: column for name in self.names() if (column := self.column(name)) is not None}

    def fields(self, row: int) -> dict[str, Value | None]:
        """One point's fields, by sorted name; None for a null. For rare rows, not for loops over all of them."""
        found = self.columns().items()
        return {name: column.value(row) for name, column in found if column.valid is None or column.valid[row]}

    def rows(self) -> list[dict[str, Value | None]]:
        """Every point's fields, by sorted name; None for a null."""
        out: list[dict[str, Value | None]] = [{} for _ in range(len(self))]
        for name, column in self.columns().items():
            for fields, value, there in zip(out, column.tolist(), column.mask().tolist(), strict=True):
                if there:
                    fields[name] = value
        return out

    def take(self, rows: Rows) -> Points:
        """The points at `rows` (indexes, in the order given). Columns not decoded yet stay so."""
        columns = {name: None if c is None else c.take(rows) for name, c in self._columns.items()}
        source_rows = rows if self._rows is None else self._rows[rows]
        return self._like(Points(self.time[rows], self.series[rows], columns, self._source, source_rows))

    def with_columns(self, columns: Mapping[str, Column | None]) -> Points:
        """The same points with fields set (or, where None, removed)."""
        return self._like(Points(self.time, self.series, {**self._columns, **columns}, self._source, self._rows))

    def only(self, names: Iterable[str]) -> Points:
        """The same points with no other fields than these."""
        names = list(names)
        self.expect(names)
        return Points(self.time, self.series, {name: self.column(name) for name in names})

    def with_time(self, time: IntArray) -> Points:
        """The same points at other times."""
        return self._like(Points(time, self.series, self._columns, self._source, self._rows))

    def with_series(self, series: SeriesArray) -> Points:
        """The same points in other series (other tags, another name)."""
        return self._like(Points(self.time, series, self._columns, self._source, self._rows))

    def detached(self, names: Iterable[str] | None = None) -> Points:
        """The points with their columns (all, or those in `names`) decoded and no hold on their source: to be kept."""
        return self.only(self.names() if names is None else names)

    def picked(self, rows: Rows) -> Points:
        """Few of the points, to be kept: their columns as far as decoded, the rest of them as text."""
        columns = {name: None if c is None else c.take(rows) for name, c in self._columns.items()}
        if self._all is not None and all(name in columns for name in self._all):
            return Points(self.time[rows], self.series[rows], columns)
        source = self._source.pick(rows if self._rows is None else self._rows[rows])
        return Points(self.time[rows], self.series[rows], columns, source)

    @property
    def decoded(self) -> bool:
        """Whether there is nothing behind the columns that are decoded."""
        return self._source is NO_FIELDS

    def _like(self, other: Points) -> Points:
        other._expected = self._expected
        return other

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """A value computed from these points once, whoever asks: what lets many tasks share one frame's work.

        It must not hold these points: they, and the text that they lie in, would stay until Python looks for circles.
        """
        if self._memo is None:
            self._memo = {}
        if key not in self._memo:
            self._memo[key] = make()
        return cast(T, self._memo[key])


def points_of(time: Sequence[int], series: Sequence[int], fields: Sequence[Mapping[str, Value]]) -> Points:
    """Points from Python values: for a few rows, and for tests."""
    names = sorted({name for row in fields for name in row})
    columns = {name: column_of([row.get(name) for row in fields]) for name in names}
    return Points(np.array(time, dtype=np.int64), np.array(series, dtype=np.int32), columns)


def concat_points(parts: Sequence[Points]) -> Points:
    """Points end to end, all their columns decoded."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Points(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32))
    lengths = [len(p) for p in parts]
    names = sorted({name for p in parts for name in p.names()})
    columns = {name: concat([p.column(name) for p in parts], lengths) for name in names}
    return Points(np.concatenate([p.time for p in parts]), np.concatenate([p.series for p in parts]), columns)


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """The rows of a frame put together by group, each group's in order of arrival.

    order: intp[n], row numbers. starts: intp[g], where each group begins in `order`; ends: intp[g].
    groups: int32[g], the group numbers, ascending.
    """

    order: Rows
    starts: Rows
    ends: Rows
    groups: GroupArray


class Frame:
    """Points on a stream edge, in order of arrival.

    group: int32[n], group numbers of the SeriesTable. dimensions: what they are grouped by, the same for all rows.
    origin: int64[n], for each row the row of the step's input (see Step) that it comes of; never falls from row to row.
    """

    __slots__ = ("_sorting", "dimensions", "group", "origin", "points")

    def __init__(
        self,
        points: Points,
        group: GroupArray,
        dimensions: Dimensions,
        origin: OriginArray,
        sorting: GroupSorting | None = None,
    ) -> None:
        """sorting: of `group`, where others share it."""
        self.points = points
        self.group = group
        self.dimensions = dimensions
        self.origin = origin
        self._sorting = sorting or GroupSorting(group)

    def __len__(self) -> int:
        return len(self.group)

    def take(self, rows: Rows) -> Frame:
        """Some of the rows; `rows` must ascend, so that order of arrival stays."""
        return Frame(self.points.take(rows), self.group[rows], self.dimensions, self.origin[rows])

    def with_points(self, points: Points) -> Frame:
        """The same groups and origins with other fields, times or tags; as many rows."""
        return Frame(points, self.group, self.dimensions, self.origin, self._sorting)

    def by_group(self) -> GroupOrder:
        """Rows put together by group; sorted once, kept."""
        return self._sorting.order()


class GroupSorting:
    """Rows put together by group when that is first asked for, once for all who share it. group: int[n]."""

    __slots__ = ("_order", "group")

    def __init__(self, group: NDArray[Any]) -> None:
        self.group = group
        self._order: GroupOrder | None = None

    def order(self) -> GroupOrder:
        """The stable sort."""
        if self._order is None:
            self._order = group_order(self.group)
        return self._order


def group_order(group: NDArray[Any]) -> GroupOrder:
    """A stable sort of rows by group number; int32[n] or int64[n] in."""
    return GroupOrder(*ordered(group))


class Batches:
    """b batches on a batch edge, in order of emission; batch i holds points offsets[i]:offsets[i+1].

    points: all batches' points end to end, each batch's in its own order. offsets: intp[b+1].
    group: int32[b]. names: the measurement of each batch. tmax: int64[b], the batch's time.
    origin: int64[b], as in Frame. A batch may be empty. `tags` of a batch are those of its group.
    """

    __slots__ = ("dimensions", "group", "names", "offsets", "origin", "points", "tmax")

    def __init__(
        self,
        points: Points,
        offsets: Rows,
        group: GroupArray,
        names: list[str],
        tmax: IntArray,
        dimensions: Dimensions,
        origin: OriginArray,
    ) -> None:
        self.points = points
        self.offsets = offsets
        self.group = group
        self.names = names
        self.tmax = tmax
        self.dimensions = dimensions
        self.origin = origin

    def __len__(self) -> int:
        return len(self.tmax)

    def lengths(self) -> Rows:
        """Points per batch: intp[b]."""
        return np.diff(self.offsets)

    def batch_of_points(self) -> Rows:
        """For every point the number of its batch: intp[n]."""
        return np.repeat(np.arange(len(self), dtype=np.intp), self.lengths())

    def with_points(self, points: Points, offsets: Rows | None = None) -> Batches:
        """The same batches with other points (and other bounds, where their number changed)."""
        offsets = self.offsets if offsets is None else offsets
        return Batches(points, offsets, self.group, self.names, self.tmax, self.dimensions, self.origin)

    def keep(self, rows: BoolArray) -> Batches:
        """The same batches with only the points where `rows` (bool[n]) is true; a batch may become empty."""
        counts = np.concatenate([[0], np.cumsum(rows)])
        return self.with_points(self.points.take(np.flatnonzero(rows)), counts[self.offsets].astype(np.intp))

    def select(self, batches: Rows) -> Batches:
        """Some of the batches (indexes, ascending) with their points."""
        lengths = self.lengths()[batches]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        rows = ranges(self.offsets[batches], lengths)
        names = [self.names[i] for i in batches]
        return Batches(
            self.points.take(rows),
            offsets,
            self.group[batches],
            names,
            self.tmax[batches],
            self.dimensions,
            self.origin[batches],
        )


@compiled("int64[::1](Array(int64, 1, 'A', True), Array(int64, 1, 'A', True))")
def ranges(starts: Rows, lengths: Rows) -> Rows:
    """starts[0], …, starts[0]+lengths[0]-1, starts[1], …: row numbers of segments, end to end."""
    total = 0
    for length in lengths:
        total += length
    rows = np.empty(total, np.int64)
    at = 0
    for k in range(len(starts)):
        for i in range(lengths[k]):
            rows[at] = starts[k] + i
            at += 1
    return rows


NO_TIME = np.iinfo(np.int64).min
"""As a barrier's time: it says nothing of time, only that its group is over."""


@dataclass(frozen=True, slots=True)
class Barriers:
    """Word that no point before `time[i]` will come for `group[i]`; with `delete`, that the group itself is over.

    group: int32[k]; time: int64[k], NO_TIME for all of them or for none; origin: int64[k], as in Frame.
    for_joins: they come from behind a window, which tells those below nothing of barriers but what a join needs so as
    not to wait for it; to other nodes they are none.
    """

    group: GroupArray
    time: IntArray
    origin: OriginArray
    dimensions: Dimensions = NO_DIMENSIONS
    delete: bool = False
    for_joins: bool = False

    @property
    def timeless(self) -> bool:
        """Whether they say nothing of time: only that their groups are over."""
        return len(self.time) > 0 and int(self.time[0]) == NO_TIME

    def apart(self) -> Iterator[Barriers]:
        """The same in their order, apart in stretches of one origin in which no group stands twice."""
        n = len(self.group)
        if n < 2 or (self.origin[0] == self.origin[-1] and len(np.unique(self.group)) == n):
            yield self
            return
        begin, seen = 0, set[int]()
        origins, groups = self.origin.tolist(), self.group.tolist()
        for i in range(n):
            if origins[i] != origins[begin] or groups[i] in seen:
                yield self._part(slice(begin, i))
                begin, seen = i, set()
            seen.add(groups[i])
        yield self._part(slice(begin, n))

    def only_ends(self) -> Barriers:
        """Without their times: that the groups are over is all that is left to say."""
        return Barriers(self.group, np.full_like(self.time, NO_TIME), self.origin, self.dimensions, True)

    def only_for_joins(self, time: IntArray) -> Barriers:
        """What of them goes beyond a window, of which nothing before `time` (int64[k]) will come any more."""
        return Barriers(self.group, time, self.origin, self.dimensions, for_joins=True)

    def _part(self, rows: slice) -> Barriers:
        return replace(self, group=self.group[rows], time=self.time[rows], origin=self.origin[rows])


Message = Frame | Batches | Barriers


def select(message: Message, rows: Rows) -> Message:
    """The points, batches or barriers of these numbers, in their order."""
    if isinstance(message, Frame):
        return message.take(rows)
    if isinstance(message, Batches):
        return message.select(rows)
    return replace(message, group=message.group[rows], time=message.time[rows], origin=message.origin[rows])


@dataclass(frozen=True, slots=True)
class Step:
    """One go through a graph: what a slice of the log, or a timer, sets off.

    seq: int64[n] and row: int32[n] tell for each input row its message's log sequence and its line in it.
    A tick has no rows; `tick` is then its number, and 0 otherwise: when it was due (ns), whenever that is done.
    processing_time: int64[n], when each input row came, in ns by the run's clock; live, when its message was stored.
    now: what the run's clock says, the last of these times or when the tick was due.
    loopbacks: int64[n], how many loopbacks each input row has come through; None: none of them through any.
    What a node emits is identified by (task, node, seq[origin], row[origin], ordinal) or (task, node, tick, ordinal).
    """

    seq: IntArray
    row: NDArray[np.int32]
    processing_time: IntArray
    now: int
    tick: int = 0
    loopbacks: IntArray | None = None

    def times_of(self, origin: OriginArray) -> IntArray:
        """When what has caused each of n things came, in ns by the run's clock: int64[n]."""
        return np.full(len(origin), self.now, dtype=np.int64) if self.tick else self.processing_time[origin]
