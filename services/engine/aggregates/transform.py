"""The InfluxQL functions that make a point of each point: difference, movingAverage, cumulativeSum, elapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from services.engine.aggregates.again import LastResults
from services.engine.aggregates.function import Function, report
from services.engine.aggregates.usable import DTYPES, KINDS, NUMBERS, UNKNOWN, Segments, usable
from services.engine.column import BoolArray, Column, IntArray, Kind, Rows, concat
from services.engine.first_names import FirstNames
from services.engine.frame import Barriers, Batches, Frame, Message, Points, ranges
from services.engine.node import Context, Groups, Node, State
from services.engine.retag import grouped_series
from services.engine.segments import grown
from services.engine.series import Series, SeriesArray


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


@dataclass(slots=True)
class _Carried:
    """The last values of each group, of one type, ordered by group: what was carried over from earlier frames."""

    local: IntArray
    values: NDArray[Any]
    time: IntArray


class TransformNode(Node):
    """A function of each value and those before it, in its group or, for batches, in its batch.

    Points come out with the group's tags and the result alone, at their own time. The first value that can be used
    fixes the type for its group (or batch). Points without the field, or with a null or another type in it, are errors.
    As with Kapacitor 1.5.7 the last result goes out again at such a point, with the time that it had.
    """

    properties: Function
    kinds: ClassVar[Sequence[Kind]] = NUMBERS
    repeats: ClassVar[bool] = True  # whether the last result goes out again at points without a usable value

    def __init__(self, properties: Function, context: Context) -> None:
        super().__init__(properties, context)
        self._groups = Groups(context.table)
        self._names = FirstNames(context.table)
        self._begun: IntArray = np.empty(0, dtype=np.int64)
        self._carried: dict[Kind, _Carried] = {}
        self._results = LastResults()
        self._series: dict[tuple[int, str], int] = {}

    def remembers(self) -> int:
        """How many values of a group later ones need."""
        return 1

    def transform(self, segments: Segments) -> Transformed:
        """The function. Results for values that were carried over are not used."""
        raise NotImplementedError

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        points, p = frame.points, self.properties
        local = self._groups.local(frame.group)
        self._names.came(local, points.series, len(self._groups))
        self._begun = grown(self._begun, len(self._groups), UNKNOWN)
        order = np.argsort(local, kind="stable")
        parts, refused = usable(
            points.column(p.field), points.time, order, local[order], self.kinds, self.spec.name, p.field, self._begun
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
        series = grouped_series(self._names.series(local[row]), frame.group[row], self.context.table)
        out = Points(time, series, {p.as_: column})
        return [Frame(out, frame.group[row], frame.dimensions, frame.cause[row])]

    def batches(self, batches: Batches) -> Sequence[Message]:
        points, p = batches.points, self.properties
        self._groups.local(batches.group)
        owner = batches.batch_of_points()
        every = np.arange(len(points), dtype=np.intp)
        column = points.column(p.field)
        parts, refused = usable(column, points.time, every, owner, self.kinds, self.spec.name, p.field)
        report(self.context, refused)
        rows, columns = [], []
        for part in parts:
            with np.errstate(all="ignore"):
                result = self.transform(part)
            rows.append(part.rows[result.present])
            columns.append(Column(result.kind, result.values[result.present]))
        row, column = _in_order(rows, columns)
        row, column, time = self._with_repeated(points.time, owner, parts, row, column, LastResults())
        counts = np.bincount(owner[row], minlength=len(batches))
        named = [(int(batches.group[b]), batches.names[b]) for b in owner[row].tolist()]
        out = Points(time, self._of_groups(named), {p.as_: column})
        return [batches.with_points(out, np.concatenate([[0], np.cumsum(counts)]).astype(np.intp))]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.told(barriers)
        if left is not None:
            self._begun = grown(self._begun, len(self._groups), UNKNOWN)[left]
            self._results.keep(len(self._groups), left)
            self._names.keep(left, len(self._groups))
            new = np.full(len(self._groups), -1, dtype=np.int64)
            new[left] = np.arange(len(left))
            for kind, c in self._carried.items():
                stays = new[c.local] >= 0
                self._carried[kind] = _Carried(new[c.local[stays]], c.values[stays], c.time[stays])
            self._groups.keep(left)
        return [barriers]

    def state(self) -> State:
        carried = {k.value: [c.local, c.values, c.time] for k, c in self._carried.items()}
        begun = grown(self._begun, len(self._groups), UNKNOWN)[: len(self._groups)]
        kinds = [KINDS[k].value if k != UNKNOWN else "" for k in begun.tolist()]
        names = self._names.state(len(kinds))
        own = {"groups": self._groups.state(), "names": names, "kinds": kinds, "carried": carried}
        return own | {"results": self._results.state(len(self._groups))}

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._names.restore(state["names"])
        begun = [KINDS.index(Kind(k)) if k else UNKNOWN for k in state["kinds"]]
        self._begun = np.array(begun, dtype=np.int64)
        self._carried = {
            Kind(k): _Carried(np.array(local, dtype=np.int64), values, np.array(time, dtype=np.int64))
            for k, (local, values, time) in state["carried"].items()
        }
        if "results" in state:  # versions that repeated nothing did not save it
            self._results.restore(state["results"])

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
        local = np.repeat(part.number, part.lengths)
        carried = self._carried.get(part.kind)
        rows, values, time = part.rows, part.values, part.time
        starts = part.starts
        mine = np.empty(0, dtype=np.intp)
        if carried is not None and len(carried.local):
            begin = np.searchsorted(carried.local, part.number)
            known = np.searchsorted(carried.local, part.number, side="right") - begin
            mine = ranges(begin, known)
            order = np.argsort(np.concatenate([carried.local[mine], local]), kind="stable")
            rows = np.concatenate([np.full(len(mine), -1, dtype=np.intp), rows])[order]
            values = np.concatenate([carried.values[mine], values])[order]
            time = np.concatenate([carried.time[mine], time])[order]
            local = np.concatenate([carried.local[mine], local])[order]
            starts = part.starts + np.concatenate([[0], np.cumsum(known)[:-1]]).astype(np.intp)
        joined = Segments(part.kind, values, time, rows, starts, part.number)
        with np.errstate(all="ignore"):
            result = self.transform(joined)
        self._carry(joined, local, result, mine)
        emitted = result.present & (rows >= 0)
        return rows[emitted], Column(result.kind, result.values[emitted])

    def _carry(self, joined: Segments, local: IntArray, result: Transformed, replaced: Rows) -> None:
        """Keep the last values of the groups that came, and those of the others as they are."""
        chosen = np.arange(len(local)) if result.counts is None else np.flatnonzero(result.counts)
        lengths = np.bincount(local[chosen], minlength=len(self._groups))[joined.number]
        ends = np.cumsum(lengths)
        kept = np.minimum(lengths, self.remembers())
        last = chosen[ranges(ends - kept, kept)]
        old = self._carried.get(joined.kind)
        if old is None:
            empty = np.empty(0, dtype=np.int64)
            old = _Carried(empty, np.empty(0, dtype=DTYPES[joined.kind]), empty)
        stays = np.ones(len(old.local), dtype=np.bool_)
        stays[replaced] = False
        groups = np.concatenate([old.local[stays], local[last]])
        order = np.argsort(groups, kind="stable")
        values = np.concatenate([old.values[stays], result.memory[last]])[order]
        time = np.concatenate([old.time[stays], joined.time[last]])[order]
        self._carried[joined.kind] = _Carried(groups[order], values, time)

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
    order = np.argsort(row, kind="stable")
    return row[order], column.take(order)
