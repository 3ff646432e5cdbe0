"""The InfluxQL functions as nodes: over each batch, and on streams over the points of a group that are of one time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from services.columns.column import Column, IntArray, Kind, Rows, concat
from services.columns.frame import Barriers, Batches, Frame, Message, Points
from services.columns.groups.keyed_state import KeyedState, keyed_part
from services.columns.groups.series import Series, SeriesArray, Tags
from services.columns.segments import grown
from services.columns.snapshot import State
from services.nodes.aggregates.kernels import Reduced
from services.nodes.aggregates.runs import HeldRuns
from services.nodes.aggregates.usable_values import NUMBERS, Segments, UnusableRows, usable_values
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument, flag
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode

AS_DOC = "The field to put the result in."
TIMES_DOC = "Keep the times of points, where the result is a point's; else it has the batch's time."

_LATE_IN_RUNS = (
    "on a stream they end the run of equal times before them and begin one of their own, so one time may give several "
    "results. Batches are taken as they are."
)
_LATE_IN_ORDER = (
    "they are taken in order of arrival, on streams and in batches: the value before is the one that came before."
)


class AggregateOptions(Protocol):
    """What all functions' properties have, in whatever order."""

    field: str
    as_: str
    use_point_times: bool


@dataclass
class FunctionProperties(Properties):
    """What most functions have. Each declares `as_` itself, with its own name as the default."""

    field: str = argument(Type.STRING, doc="The field to work on.")
    as_: str = ""
    use_point_times: bool = flag(doc=TIMES_DOC)

    def reads(self) -> frozenset[str]:
        return frozenset({self.field})

    def passes(self) -> bool:
        return False


def function_spec(
    name: str, properties: type[Properties], doc: str | None, provides: Edge | None, prefix: str = ""
) -> NodeSpec:
    """The spec of a function: it takes streams and batches alike."""
    return NodeSpec(
        name=name,
        type_name="InfluxQLNode",
        properties=properties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=provides,
        doc=doc or "",
        prefix=prefix,
        late=_LATE_IN_ORDER if provides is None else _LATE_IN_RUNS,
    )


class Collecting(KeyedState):
    runs: HeldRuns = keyed_part(HeldRuns)


class FunctionNode(KeyedNode):
    """A function that makes one thing of each batch: what to do with its usable values is up to subclasses.

    On a stream a group's points of equal time are collected and taken for a batch of that time once a point of another
    time comes, or a barrier of a later one, or the group ends. Points that lack the field, or have it in a type that
    the function does not take or that differs from that of the batch's first, are passed over and counted as errors, as
    soon as they come.
    """

    holds = True
    keeps = Collecting
    keyed: Collecting
    properties: AggregateOptions
    kinds: ClassVar[Sequence[Kind]] = NUMBERS

    def __init__(self, properties: AggregateOptions, context: Context) -> None:
        super().__init__(properties, context)
        self._runs = HeldRuns(context.table, context.needed_fields)
        self.keyed = Collecting(context.table, runs=self._runs)
        self._groups = self.keyed.groups
        self._series: dict[tuple[int, str], int] = {}
        self._renamed: dict[tuple[int, str], int] = {}
        self._counted: Counter[str] = Counter()  # what has been counted of points that are still held
        context.table.memos.add(self)

    def forget_numbers(self) -> None:
        self._series, self._renamed = {}, {}

    def give(self, batches: Batches, parts: list[Segments], whole: bool) -> Message | None:
        """What the batches come to. parts: their usable values apart by type; whole: empty batches count too."""
        raise NotImplementedError

    def frame(self, frame: Frame) -> Sequence[Message]:
        return self._ended(self._runs.add(frame, self._groups))

    def batches(self, batches: Batches) -> Sequence[Message]:
        self._groups.local(batches.group)
        given, refused = self._over(batches, True)
        report(self.context, [UnusableRows(n, reason) for reason, n in refused.items()])
        return given

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.observe_barriers(barriers)
        freed = self._runs.free(barriers, self._groups)
        given = [] if freed is None else self._ended(freed)
        if left is not None:
            self.keyed.keep(left)
        return [*given, barriers]

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return self.barriers(barriers)

    def restore(self, state: State) -> None:
        super().restore(state)
        self._counted = self._refused_of_held()

    def of_group(self, batches: Batches, chosen: Rows) -> SeriesArray:
        """The series of points that keep nothing but their group's tags, one for each chosen batch: int32[k]."""
        return np.array([self._of_group(int(batches.group[i]), batches.names[i]) for i in chosen.tolist()], np.int32)

    def as_named(self, series: SeriesArray, names: Iterator[str]) -> SeriesArray:
        """The series of points with their own tags under their batch's name."""
        return np.array([self._as_named(n, name) for n, name in zip(series.tolist(), names, strict=True)], np.int32)

    def _ended(self, runs: Batches | None) -> list[Message]:
        """What runs that have ended come to. Points that cannot be used are told once, when they come."""
        given, refused = ([], Counter[str]()) if runs is None else self._over(runs, False)
        held = self._refused_of_held()
        report(self.context, [UnusableRows(n, reason) for reason, n in (refused + held - self._counted).items()])
        self._counted = held
        return given

    def _over(self, batches: Batches, whole: bool) -> tuple[list[Message], Counter[str]]:
        """What the batches come to, and what of their points could not be used."""
        rows = np.arange(len(batches.points), dtype=np.intp)
        parts, refused = self._usable(batches.points, rows, batches.batch_of_points())
        with np.errstate(all="ignore"):
            given = self.give(batches, parts, whole)
        return [] if given is None else [given], _by_reason(refused)

    def _refused_of_held(self) -> Counter[str]:
        points, local = self._runs.held()
        column = points.column(self.properties.field)
        if column is not None and column.valid is None and column.kind in self.kinds:
            return Counter()
        order = np.argsort(local, kind="stable")
        return _by_reason(self._usable(points, order, local[order])[1])

    def _usable(self, points: Points, rows: Rows, segment: Rows) -> tuple[list[Segments], list[UnusableRows]]:
        field = self.properties.field
        return usable_values(points.column(field), points.time, rows, segment, self.kinds, self.spec.name, field)

    def _of_group(self, group: int, name: str) -> int:
        number = self._series.get((group, name))
        if number is None:
            tags = self.context.table.group(group).tags
            number = self._series[group, name] = self.context.table.number(Series("", "", name, tags))
        return number

    def _as_named(self, series: int, name: str) -> int:
        number = self._renamed.get((series, name))
        if number is None:
            tags: Tags = self.context.table.series(series).tags
            number = self._renamed[series, name] = self.context.table.number(Series("", "", name, tags))
        return number


class AggregateNode(FunctionNode):
    """A function whose result is a value: a point with it and the group's tags, and nothing else of the points."""

    reduce: ClassVar[Callable[[Segments], Reduced]]
    of_nothing: ClassVar[int | float | None] = None  # the result of a batch without usable values; None: no result

    def give(self, batches: Batches, parts: list[Segments], whole: bool) -> Message | None:
        results = [type(self).reduce(part) for part in parts]
        numbers = [part.number for part in parts]
        columns = [Column(r.kind, r.values) for r in results]
        times = [self._times(batches, part, r) for part, r in zip(parts, results, strict=True)]
        if self.of_nothing is not None and whole:
            empty = np.setdiff1d(np.arange(len(batches)), np.concatenate([*numbers, np.empty(0, dtype=np.intp)]))
            if len(empty):
                kind = Kind.FLOAT if isinstance(self.of_nothing, float) else Kind.INT
                numbers.append(empty)
                columns.append(Column(kind, np.full(len(empty), self.of_nothing)))
                times.append(batches.tmax[empty])
        if not numbers:
            return None
        number, time = np.concatenate(numbers), np.concatenate(times)
        column = concat(columns, [len(c) for c in columns])
        if len(numbers) > 1:
            order = np.argsort(number, kind="stable")
            number, time, column = number[order], time[order], column.take(order)
        points = Points(time, self.of_group(batches, number), {self.properties.as_: column})
        return Frame(points, batches.group[number], batches.dimensions, batches.origin[number])

    def _times(self, batches: Batches, part: Segments, result: Reduced) -> IntArray:
        time = batches.tmax[part.number]
        if self.properties.use_point_times and result.time is not None and result.own is not None:
            return np.where(result.own, result.time, time)
        return time


class SelectorNode(FunctionNode):
    """A function that chooses a point: it goes on whole, with the field renamed, in its batch's place."""

    keeps_time: ClassVar[Sequence[Kind]] = NUMBERS  # the types for which `usePointTimes` gives the point's time

    def select(self, segments: Segments) -> Rows:
        """The position of the chosen value in each segment, or -1."""
        raise NotImplementedError

    def give(self, batches: Batches, parts: list[Segments], whole: bool) -> Message | None:
        p = self.properties
        numbers, rows, times = [], [], []
        for part in parts:
            position = self.select(part)
            found = position >= 0
            number = part.number[found]
            numbers.append(number)
            rows.append(part.rows[position[found]])
            own = p.use_point_times and part.kind in self.keeps_time
            times.append(part.time[position[found]] if own else batches.tmax[number])
        if not sum(map(len, numbers)):
            return None
        number = np.concatenate(numbers)
        order = np.argsort(number, kind="stable")
        number = number[order]
        points = batches.points.take(np.concatenate(rows)[order])
        if p.as_ != p.field:
            points = points.with_columns({p.as_: points.column(p.field), p.field: None})
        series = self.as_named(points.series, (batches.names[i] for i in number.tolist()))
        points = points.with_time(np.concatenate(times)[order]).with_series(series)
        return Frame(points, batches.group[number], batches.dimensions, batches.origin[number])


class ChoiceNode(FunctionNode):
    """A function that makes a batch of each batch: some of its values, with the group's tags and no other fields."""

    keeps_tags: ClassVar[bool] = False  # whether the points have their own tags too, besides those of the group

    def __init__(self, properties: AggregateOptions, context: Context) -> None:
        super().__init__(properties, context)
        self._merged: dict[tuple[int, int, str], int] = {}
        # of each series what it was last merged with, a group and the number of a name, and what came of it
        self._with: IntArray = np.empty(0, dtype=np.int64)
        self._made: SeriesArray = np.empty(0, dtype=np.int32)
        self._called: dict[str, int] = {}

    def forget_numbers(self) -> None:
        super().forget_numbers()
        self._merged, self._called = {}, {}
        self._with, self._made = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)

    def choose(self, segments: Segments, points: Points) -> tuple[Rows, Rows]:
        """Positions of the chosen values, segment after segment, and how many each has."""
        raise NotImplementedError

    def give(self, batches: Batches, parts: list[Segments], whole: bool) -> Message | None:
        p = self.properties
        if not parts:
            return None
        counts = np.zeros(len(batches), dtype=np.intp)
        owners, rows, times, columns = [], [], [], []
        for part in parts:
            position, count = self.choose(part, batches.points)
            counts[part.number] = count
            owners.append(np.repeat(part.number, count))
            rows.append(part.rows[position])
            times.append(part.time[position])
            columns.append(Column(part.kind, part.values[position]))
        owner, time, row = np.concatenate(owners), np.concatenate(times), np.concatenate(rows)
        column = concat(columns, [len(c) for c in columns])
        if len(parts) > 1:
            order = np.argsort(owner, kind="stable")
            owner, time, row, column = owner[order], time[order], row[order], column.take(order)
        if not p.use_point_times:
            time = batches.tmax[owner]
        chosen = np.sort(np.concatenate([part.number for part in parts]))
        return batch_of(batches, chosen, counts, Points(time, self._tagged(batches, owner, row), {p.as_: column}))

    def _tagged(self, batches: Batches, owner: Rows, row: Rows) -> SeriesArray:
        if not self.keeps_tags:
            return self.of_group(batches, owner)
        called, series = self._called, batches.points.series[row]
        names = np.array([called.setdefault(name, len(called)) for name in batches.names], dtype=np.int64)
        key = (batches.group.astype(np.int64) << 32 | names)[owner]
        self._with = grown(self._with, int(series.max(initial=-1)) + 1, -1)
        self._made = grown(self._made, len(self._with), -1)
        for i in np.flatnonzero(self._with[series] != key).tolist():
            batch, number = int(owner[i]), int(series[i])
            self._made[number] = self._with_own(number, int(batches.group[batch]), batches.names[batch])
            self._with[number] = key[i]
        made: SeriesArray = self._made[series]
        for i in np.flatnonzero(self._with[series] != key).tolist():  # a series in several batches at once
            batch = int(owner[i])
            made[i] = self._with_own(int(series[i]), int(batches.group[batch]), batches.names[batch])
        return made

    def _with_own(self, series: int, group: int, name: str) -> int:
        number = self._merged.get((series, group, name))
        if number is None:
            table = self.context.table
            tags = dict(table.group(group).tags) | dict(table.series(series).tags)
            number = table.number(Series("", "", name, tuple(sorted(tags.items()))))
            self._merged[series, group, name] = number
        return number


def batch_of(batches: Batches, chosen: Rows, counts: Rows, points: Points) -> Batches:
    """New batches in place of the chosen ones. counts: intp[len(batches)], points of each; points: end to end.

    A batch's time is that of its latest point where those are later than it.
    """
    offsets = np.concatenate([[0], np.cumsum(counts[chosen])]).astype(np.intp)
    tmax = batches.tmax.copy()
    np.maximum.at(tmax, np.repeat(chosen, counts[chosen]), points.time)
    names = [batches.names[i] for i in chosen.tolist()]
    return Batches(
        points, offsets, batches.group[chosen], names, tmax[chosen], batches.dimensions, batches.origin[chosen]
    )


def _by_reason(refused: Sequence[UnusableRows]) -> Counter[str]:
    return Counter({r.reason: r.count for r in refused})


def report(context: Context, refused: Sequence[UnusableRows]) -> None:
    """Count and log what could not be used."""
    for r in refused:
        context.error(r.reason, r.count)
