"""The last values of each group, which functions of a value and those before it need beyond one frame."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import IntArray, Kind, Rows
from services.columns.frame import ranges
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.series import SeriesTable
from services.columns.segments import grown
from services.columns.snapshot import State
from services.nodes.aggregates.usable_values import DTYPES, Segments


class CarriedValues(KeyedPart):
    """The values that are carried over, apart by type.

    Saved as the local groups of all values, ascending, and these with their times.
    """

    def __init__(self) -> None:
        self._by_kind: dict[Kind, _Carried] = {}
        self._groups = 0

    def with_carried(self, part: Segments) -> Segments:
        """The segments, by local group, each behind what is carried of its group: that has rows of -1."""
        return self._of(part.kind).before(part)

    def carry(self, joined: Segments, memory: NDArray[Any], chosen: Rows, counts: Rows) -> None:
        """Carry of each segment's group these of its values in place of what was.

        memory: array[n], what is kept of each value. chosen: positions of values, segment after segment, `counts`
        (intp[k]) of each.
        """
        self._of(joined.kind).put(joined.number, memory[chosen], joined.time[chosen], counts)

    def clear(self) -> None:
        """Carry nothing."""
        self._by_kind = {}

    def reach(self, groups: int) -> None:
        self._groups = groups

    def keep(self, left: Rows) -> None:
        for carried in self._by_kind.values():
            carried.reach(self._groups)
            carried.keep(left)
        self._groups = len(left)

    def state(self) -> State:
        return {kind.value: list(carried.flat()) for kind, carried in self._by_kind.items()}

    def restore(self, state: State) -> None:
        self._by_kind = {}
        for name, (local, values, time) in state.items():
            numbers, counts = np.unique(np.asarray(local, dtype=np.int64), return_counts=True)
            self.reach(max(self._groups, int(numbers.max(initial=-1)) + 1))
            kind = Kind(name)
            self._of(kind).put(numbers, np.asarray(values, dtype=DTYPES[kind]), np.asarray(time), counts)

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        found = {}
        for kind, (local, values, time) in state.items():
            stays = np.isin(local, left)
            kept = np.searchsorted(left, np.asarray(local, dtype=np.int64)[stays])
            found[kind] = [kept, np.asarray(values)[stays], np.asarray(time)[stays]]
        return found

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        bases = [0, *itertools.accumulate(sizes)]
        found = {}
        for kind in sorted({kind for state in states for kind in state}):
            having = [(s[kind], base) for s, base in zip(states, bases, strict=False) if kind in s]
            local = np.concatenate([np.asarray(part[0], dtype=np.int64) + base for part, base in having])
            found[kind] = [local, *(np.concatenate([np.asarray(part[i]) for part, _ in having]) for i in (1, 2))]
        return found

    def _of(self, kind: Kind) -> _Carried:
        carried = self._by_kind.get(kind)
        if carried is None:
            carried = self._by_kind[kind] = _Carried(kind)
        carried.reach(self._groups)
        return carried


class _Carried:
    """Of one type: the first count[g] of a row of `values` and `time` are what is carried of local group g."""

    def __init__(self, kind: Kind) -> None:
        self._count: Rows = np.empty(0, dtype=np.int64)
        self._values: NDArray[Any] = np.empty((0, 1), dtype=DTYPES[kind])
        self._time: IntArray = np.empty((0, 1), dtype=np.int64)

    def reach(self, groups: int) -> None:
        self._count, self._values, self._time = (grown(a, groups) for a in (self._count, self._values, self._time))

    def keep(self, left: Rows) -> None:
        self._count, self._values, self._time = (a[left] for a in (self._count, self._values, self._time))

    def flat(self) -> tuple[IntArray, NDArray[Any], IntArray]:
        """All that is carried: local groups, ascending, values and times."""
        every = np.arange(len(self._count))
        places = self._places(every, self._count)
        return np.repeat(every, self._count), self._values.reshape(-1)[places], self._time.reshape(-1)[places]

    def before(self, part: Segments) -> Segments:
        known, lengths = self._count[part.number], part.lengths
        if not known.any():
            return part
        starts = np.cumsum(known + lengths) - known - lengths
        old, own = ranges(starts, known), ranges(starts + known, lengths)
        places = self._places(part.number, known)
        n = len(part.values) + len(old)
        values, time = np.empty(n, dtype=part.values.dtype), np.empty(n, dtype=np.int64)
        rows = np.full(n, -1, dtype=np.intp)
        values[old], values[own] = self._values.reshape(-1)[places], part.values
        time[old], time[own] = self._time.reshape(-1)[places], part.time
        rows[own] = part.rows
        return Segments(part.kind, values, time, rows, starts, part.number)

    def put(self, local: IntArray, values: NDArray[Any], time: IntArray, counts: Rows) -> None:
        """Carry `counts` values of each of these groups, end to end, in place of what was."""
        if (most := int(counts.max(initial=0))) > self._values.shape[1]:
            self._widen(max(most, min(2 * self._values.shape[1], 2 * most)))
        places = self._places(local, counts)
        self._values.reshape(-1)[places], self._time.reshape(-1)[places] = values, time
        self._count[local] = counts

    def _widen(self, width: int) -> None:
        for name in ("_values", "_time"):
            old = getattr(self, name)
            wider = np.zeros((len(old), width), dtype=old.dtype)
            wider[:, : old.shape[1]] = old
            setattr(self, name, wider)

    def _places(self, local: IntArray, counts: Rows) -> Rows:
        """Where in the flat arrays the first so many of these groups are, end to end."""
        return ranges(local * self._values.shape[1], counts)
