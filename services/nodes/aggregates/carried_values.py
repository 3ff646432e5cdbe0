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
    """Of one type: of local group g what is carried stands in `values` and `time` from begin[g] on, count[g] of each.

    Each group has room of its own, a power of two, wherever that lies: a row of equal length for each would be as long
    as the one group needs that has most.
    """

    def __init__(self, kind: Kind) -> None:
        self._count, self._begin, self._room = (np.empty(0, dtype=np.int64) for _ in range(3))
        self._values: NDArray[Any] = np.empty(0, dtype=DTYPES[kind])
        self._time: IntArray = np.empty(0, dtype=np.int64)
        self._used = 0  # behind the room of all groups

    def reach(self, groups: int) -> None:
        self._count, self._begin, self._room = (grown(a, groups) for a in (self._count, self._begin, self._room))

    def keep(self, left: Rows) -> None:
        self._count, self._begin, self._room = (a[left] for a in (self._count, self._begin, self._room))
        self._lay_out()

    def flat(self) -> tuple[IntArray, NDArray[Any], IntArray]:
        """All that is carried: local groups, ascending, values and times."""
        places = ranges(self._begin, self._count)
        return np.repeat(np.arange(len(self._count)), self._count), self._values[places], self._time[places]

    def before(self, part: Segments) -> Segments:
        known, lengths = self._count[part.number], part.lengths
        if not known.any():
            return part
        starts = np.cumsum(known + lengths) - known - lengths
        old, own = ranges(starts, known), ranges(starts + known, lengths)
        places = ranges(self._begin[part.number], known)
        n = len(part.values) + len(old)
        values, time = np.empty(n, dtype=part.values.dtype), np.empty(n, dtype=np.int64)
        rows = np.full(n, -1, dtype=np.intp)
        values[old], values[own] = self._values[places], part.values
        time[old], time[own] = self._time[places], part.time
        rows[own] = part.rows
        return Segments(part.kind, values, time, rows, starts, part.number)

    def put(self, local: IntArray, values: NDArray[Any], time: IntArray, counts: Rows) -> None:
        """Carry `counts` values of each of these groups, end to end, in place of what was."""
        lacks = counts > self._room[local]
        if lacks.any():
            self._make_room(local[lacks], counts[lacks])
        places = ranges(self._begin[local], counts)
        self._values[places], self._time[places] = values, time
        self._count[local] = counts

    def _make_room(self, local: IntArray, counts: Rows) -> None:
        """Room for so many values of each of these groups; what they carried is let go of."""
        room = 1 << np.ceil(np.log2(counts)).astype(np.int64)
        self._room[local], self._count[local] = room, 0
        ends = self._used + np.cumsum(room)
        if int(ends[-1]) > len(self._values):
            self._lay_out()
        else:
            self._begin[local], self._used = ends - room, int(ends[-1])

    def _lay_out(self) -> None:
        """All groups' room end to end, and as much behind it for what comes next."""
        ends = np.cumsum(self._room)
        begin, used = ends - self._room, int(ends[-1]) if len(ends) else 0
        old, new = ranges(self._begin, self._count), ranges(begin, self._count)
        values, time = (np.zeros(2 * used, dtype=a.dtype) for a in (self._values, self._time))
        values[new], time[new] = self._values[old], self._time[old]
        self._begin, self._used, self._values, self._time = begin, used, values, time
