"""Results of transformations that go out again: at a point without a usable value the last one stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import Column, IntArray, Kind, Rows, concat, kind_of
from services.columns.groups.keyed_state import KeyedColumns, KeyedPart, column, keyed_part
from services.columns.groups.series import SeriesTable
from services.columns.segments import grown, is_first
from services.columns.snapshot import State
from services.nodes.aggregates.usable_values import DTYPES, KINDS, UNKNOWN, kinds_from_state, kinds_state


class ValuesByKind(KeyedPart):
    """A value a group, in arrays of each type that there are values of."""

    def __init__(self) -> None:
        self._values: dict[Kind, NDArray[Any]] = {}
        self._groups = 0

    def of(self, kind: Kind) -> NDArray[Any]:
        """The values of one type: array[>= groups]. Of groups whose value is of another they say nothing."""
        values = self._values.get(kind, np.empty(0, dtype=DTYPES[kind]))
        values = self._values[kind] = grown(values, self._groups)
        return values

    def reach(self, groups: int) -> None:
        self._groups = groups

    def keep(self, left: Rows) -> None:
        self._values = {kind: self.of(kind)[left] for kind in self._values}
        self._groups = len(left)

    def state(self) -> State:
        return {kind.value: self.of(kind)[: self._groups] for kind in self._values}

    def restore(self, state: State) -> None:
        self._values = {Kind(k): np.array(v, dtype=DTYPES[Kind(k)]) for k, v in state.items()}

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        return {kind: np.asarray(values)[left] for kind, values in state.items()}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        found = {}
        for kind in sorted({kind for state in states for kind in state}):
            nothing = [np.zeros(n, dtype=DTYPES[Kind(kind)]) for n in sizes]
            found[kind] = np.concatenate([s.get(kind, none) for s, none in zip(states, nothing, strict=True)])
        return found


class LastResults(KeyedColumns):
    """The last result of each group, by local number: its type, value and time."""

    # an index into KINDS; UNKNOWN: no result yet
    kind: IntArray = column(np.int64, UNKNOWN, key="kinds", to_plain=kinds_state, from_plain=kinds_from_state)
    time: IntArray = column(np.int64)
    values: ValuesByKind = keyed_part(ValuesByKind)

    def __init__(self) -> None:
        super().__init__(values=ValuesByKind())

    def fill(
        self, local: IntArray, lacking: Rows, row: Rows, column: Column, time: IntArray
    ) -> tuple[Rows, Column, IntArray]:
        """Results with those among them that go out again: their rows, ascending, their values and times.

        local: int64[n], each row's group. lacking: the rows without a usable value. row, column, time: the results,
        as they are given back. What a group had before these rows is brought forward.
        """
        every = row, column, time
        if len(lacking):
            every = self._with_old(local, lacking, row, column, time)
        groups = local[row]
        for kind, some in _by_kind(column):
            values = self.values.of(kind)
            mine = groups[some]  # where a group comes several times, the last of it stays
            values[mine], self.kind[mine], self.time[mine] = column.values[some], KINDS.index(kind), time[some]
        return every

    def _with_old(
        self, local: IntArray, lacking: Rows, row: Rows, column: Column, time: IntArray
    ) -> tuple[Rows, Column, IntArray]:
        rows = np.concatenate([row, lacking])
        order = np.lexsort((rows, local[rows]))
        rows, group = rows[order], local[rows[order]]
        begin = np.maximum.accumulate(np.where(is_first(group), np.arange(len(rows)), 0))
        last = np.maximum.accumulate(np.where(order < len(row), np.arange(len(rows)), -1))
        here = last >= begin  # the group has a result among these rows, the one at position `last` being the latest
        latest = order[last[here]]
        parts, times, columns = [rows[here]], [time[latest]], [column.take(latest)]
        before = np.where(here, UNKNOWN, self.kind[group])
        for k in np.unique(before[before != UNKNOWN]).tolist():
            old = before == k
            parts.append(rows[old])
            times.append(self.time[group[old]])
            columns.append(Column(KINDS[k], self.values.of(KINDS[k])[group[old]]))
        found = np.concatenate(parts)
        by_row = np.argsort(found, kind="stable")
        filled = [c for c in columns if len(c)] or columns[:1]
        return found[by_row], concat(filled, [len(c) for c in filled]).take(by_row), np.concatenate(times)[by_row]


def _by_kind(column: Column) -> Iterator[tuple[Kind, Rows | slice]]:
    """The rows of each type in a column without missing ones."""
    if column.kind is not Kind.MIXED:
        yield column.kind, slice(None)
        return
    kinds = np.array([KINDS.index(kind_of(v)) for v in column.values.tolist()], dtype=np.int64)
    for k in np.unique(kinds).tolist():
        yield KINDS[k], np.flatnonzero(kinds == k)
