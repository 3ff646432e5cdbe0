"""Results of transformations that go out again: at a point without a usable value the last one stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.engine.aggregates.usable import DTYPES, KINDS, UNKNOWN
from services.engine.column import Column, IntArray, Kind, Rows, concat, kind_of
from services.engine.node import State
from services.engine.segments import grown, is_first


class LastResults:
    """The last result of each group, by local number: its type, value and time."""

    def __init__(self) -> None:
        self._kind: IntArray = np.empty(0, dtype=np.int64)  # an index into KINDS; UNKNOWN: no result yet
        self._time: IntArray = np.empty(0, dtype=np.int64)
        self._values: dict[Kind, NDArray[Any]] = {}

    def fill(
        self, local: IntArray, lacking: Rows, row: Rows, column: Column, time: IntArray
    ) -> tuple[Rows, Column, IntArray]:
        """Results with those among them that go out again: their rows, ascending, their values and times.

        local: int64[n], each row's group. lacking: the rows without a usable value. row, column, time: the results,
        as they are given back. What a group had before these rows is brought forward.
        """
        self._reach(int(local.max(initial=-1)) + 1)
        every = row, column, time
        if len(lacking):
            every = self._with_old(local, lacking, row, column, time)
        groups = local[row]
        for kind, some in _by_kind(column):
            values = self._values.get(kind, np.empty(0, dtype=DTYPES[kind]))
            values = self._values[kind] = grown(values, len(self._kind))
            mine = groups[some]  # where a group comes several times, the last of it stays
            values[mine], self._kind[mine], self._time[mine] = column.values[some], KINDS.index(kind), time[some]
        return every

    def keep(self, groups: int, left: Rows) -> None:
        """Forget all of so many groups but those left (ascending local numbers), which are renumbered 0…"""
        self._reach(groups)
        self._kind, self._time = self._kind[left], self._time[left]
        self._values = {kind: grown(values, groups)[left] for kind, values in self._values.items()}

    def state(self, groups: int) -> State:
        """What is kept of so many groups, as plain data."""
        self._reach(groups)
        kinds = [KINDS[k].value if k != UNKNOWN else "" for k in self._kind[:groups].tolist()]
        values = {kind.value: grown(values, groups)[:groups] for kind, values in self._values.items()}
        return {"kinds": kinds, "time": self._time[:groups], "values": values}

    def restore(self, state: State) -> None:
        """Take up what `state` gave."""
        self._kind = np.array([KINDS.index(Kind(k)) if k else UNKNOWN for k in state["kinds"]], dtype=np.int64)
        self._time = np.array(state["time"], dtype=np.int64)
        self._values = {Kind(k): np.array(v, dtype=DTYPES[Kind(k)]) for k, v in state["values"].items()}

    def _reach(self, groups: int) -> None:
        self._kind, self._time = grown(self._kind, groups, UNKNOWN), grown(self._time, groups)

    def _with_old(
        self, local: IntArray, lacking: Rows, row: Rows, column: Column, time: IntArray
    ) -> tuple[Rows, Column, IntArray]:
        rows = np.concatenate([row, lacking])
        order = np.lexsort((rows, local[rows]))
        rows, group = rows[order], local[rows[order]]
        begin = np.maximum.accumulate(np.where(is_first(group), np.arange(len(rows)), 0))
        last = np.maximum.accumulate(np.where(order < len(row), np.arange(len(rows)), -1))
        here = last >= begin  # the group has a result among these rows, the one at position `last` being the latest
        came = order[last[here]]
        parts, times, columns = [rows[here]], [time[came]], [column.take(came)]
        before = np.where(here, UNKNOWN, self._kind[group])
        for k in np.unique(before[before != UNKNOWN]).tolist():
            old = before == k
            parts.append(rows[old])
            times.append(self._time[group[old]])
            columns.append(Column(KINDS[k], self._values[KINDS[k]][group[old]]))
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
