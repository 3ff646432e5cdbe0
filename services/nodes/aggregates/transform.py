"""The InfluxQL functions that make a point of each point: difference, movingAverage, cumulativeSum, elapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray, Kind, Rows, concat
from services.columns.frame import Batches, Frame, Message, Points, ranges
from services.columns.groups.keyed_state import KeyedState, column, keyed_part
from services.columns.groups.measurements import FirstNames
from services.columns.groups.ordering import ordered
from services.columns.groups.series import Series, SeriesArray
from services.nodes.aggregates.carried_values import CarriedValues
from services.nodes.aggregates.function import AggregateOptions, report
from services.nodes.aggregates.last_results import LastResults
from services.nodes.aggregates.usable_values import (
    NUMBERS,
    UNKNOWN,
    Segments,
    kinds_from_state,
    kinds_state,
    usable_values,
)
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode


@dataclass(slots=True)
class Transformed:
    """For each value of some segments the result, whether there is one, and what later values need.

    values: array[n] of `kind`. present: bool[n]. memory: array[n] of the segments' own type, to be carried in place of
    the values. counts: bool[n], which values later ones can see at all; None: all of them.
    """

    kind: Kind
    values: NDArray[Any]
    present: BoolArray
    memory: NDArray[Any]
    counts: BoolArray | None = None


class Transforming(KeyedState):
    # the type that the first value has fixed: an index into KINDS, or UNKNOWN
    begun: IntArray = column(np.int64, UNKNOWN, key="kinds", to_plain=kinds_state, from_plain=kinds_from_state)
    names: FirstNames = keyed_part(FirstNames)
    carried: CarriedValues = keyed_part(CarriedValues)
    results: LastResults = keyed_part(LastResults)


class TransformNode(KeyedNode):
    """A function of each value and those before it, in its group or, for batches, in its batch.

    Points come out with the group's tags and the result alone, at their own time. The first value that can be used
    fixes the type for its group (or batch). Points without the field, or with a null or another type in it, are errors.
    As with Kapacitor 1.5.7 the last result goes out again at such a point, with the time that it had.
    """

    keeps = Transforming
    keyed: Transforming
    properties: AggregateOptions
    kinds: ClassVar[Sequence[Kind]] = NUMBERS
    repeats: ClassVar[bool] = True  # whether the last result goes out again at points without a usable value

    def __init__(self, properties: AggregateOptions, context: Context) -> None:
        super().__init__(properties, context)
        self._names, self._carried, self._results = FirstNames(context.table), CarriedValues(), LastResults()
        self.keyed = Transforming(context.table, names=self._names, carried=self._carried, results=self._results)
        self._groups = self.keyed.groups
        self._series: dict[tuple[int, str], int] = {}
        context.table.memos.add(self)

    def forget_numbers(self) -> None:
        self._series = {}

    def remembers(self) -> int:
        """How many values of a group later ones need."""
        return 1

    def transform(self, segments: Segments) -> Transformed:
        """The function. Results for values that were carried over are not used."""
        raise NotImplementedError

    def frame(self, frame: Frame) -> Sequence[Message]:
        points, p = frame.points, self.properties
        local = self._groups.local(frame.group)
        self._names.observe(local, points.series)
        order = ordered(local)[0]
        parts, refused = usable_values(
            points.column(p.field),
            points.time,
            order,
            local[order],
            self.kinds,
            self.spec.name,
            p.field,
            self.keyed.begun,
        )
        report(self.context, refused)
        rows, columns = [], []
        for part in parts:
            row, column = self._continued(part)
            rows.append(row)
            columns.append(column)
        row, column, time = self._with_repeated(points.time, local, parts, *_in_order(rows, columns), self._results)
        if not len(row):
            return []
        group = frame.group[row]
        out = Points(time, self._names.grouped(local[row], group), {p.as_: column})
        return [Frame(out, group, frame.dimensions, frame.origin[row])]

    def batches(self, batches: Batches) -> Sequence[Message]:
        points, p = batches.points, self.properties
        self._groups.local(batches.group)
        owner = batches.batch_of_points()
        every = np.arange(len(points), dtype=np.intp)
        column = points.column(p.field)
        parts, refused = usable_values(column, points.time, every, owner, self.kinds, self.spec.name, p.field)
        report(self.context, refused)
        rows, columns = [], []
        for part in parts:
            with np.errstate(all="ignore"):
                result = self.transform(part)
            rows.append(part.rows[result.present])
            columns.append(Column(result.kind, result.values[result.present]))
        row, column = _in_order(rows, columns)
        within = LastResults()
        within.reach(len(batches))
        row, column, time = self._with_repeated(points.time, owner, parts, row, column, within)
        counts = np.bincount(owner[row], minlength=len(batches))
        named = [(int(batches.group[b]), batches.names[b]) for b in owner[row].tolist()]
        out = Points(time, self._of_groups(named), {p.as_: column})
        return [batches.with_points(out, np.concatenate([[0], np.cumsum(counts)]).astype(np.intp))]

    def _with_repeated(
        self, time: IntArray, local: IntArray, parts: list[Segments], row: Rows, column: Column, last: LastResults
    ) -> tuple[Rows, Column, IntArray]:
        """The results of some rows, those that go out again among them: rows, values and times."""
        if not self.repeats:
            return row, column, time[row]
        lacking = np.ones(len(time), dtype=np.bool_)
        for part in parts:
            lacking[part.rows] = False
        return last.fill(local, np.flatnonzero(lacking), row, column, time[row])

    def _continued(self, part: Segments) -> tuple[Rows, Column]:
        """Rows with a result, and the results, of values that go on where earlier frames ended."""
        joined = self._carried.with_carried(part)
        with np.errstate(all="ignore"):
            result = self.transform(joined)
        self._carry(joined, result)
        emitted = result.present & (joined.rows >= 0)
        return joined.rows[emitted], Column(result.kind, result.values[emitted])

    def _carry(self, joined: Segments, result: Transformed) -> None:
        """Keep the last values of the groups that came."""
        if result.counts is None:
            lengths, chosen = joined.lengths, None
        else:
            lengths, chosen = (
                np.add.reduceat(result.counts, joined.starts, dtype=np.intp),
                np.flatnonzero(result.counts),
            )
        kept = np.minimum(lengths, self.remembers())
        last = ranges(np.cumsum(lengths) - kept, kept)
        self._carried.carry(joined, result.memory, last if chosen is None else chosen[last], kept)

    def _of_groups(self, named: list[tuple[int, str]]) -> SeriesArray:
        table = self.context.table
        for key in set(named) - self._series.keys():
            group, name = key
            self._series[key] = table.number(Series("", "", name, table.group(group).tags))
        return np.array([self._series[key] for key in named], dtype=np.int32)


def after_first(segments: Segments) -> BoolArray:
    """Which values have one before them in their segment: bool[n]."""
    out = np.ones(len(segments.values), dtype=np.bool_)
    out[segments.starts] = False
    return out


def _in_order(rows: list[Rows], columns: list[Column]) -> tuple[Rows, Column]:
    """Rows of several parts, ascending, and the column that goes with them."""
    if not rows:
        return np.empty(0, dtype=np.intp), Column(Kind.FLOAT, np.empty(0))
    row = np.concatenate(rows)
    column = concat(columns, [len(c) for c in columns])
    order = ordered(row)[0]
    return row[order], column.take(order)
