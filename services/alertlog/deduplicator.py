"""What has been seen of a node: its worker, going back to a snapshot, sends again what it has sent before.

What a node sends rises: what points cause is ordered by (seq, row, ordinal) over all runs, since a run begins behind
the writes that the one before has seen; what ticks cause by (tick, ordinal) within one run, which `started` names,
since a clock may have been set back between two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Deduplicator:
    """The last identities of one node: of what points caused, and of what ticks caused under one `started`."""

    point: tuple[int, int, int] = (0, 0, 0)
    started: int = 0
    tick: tuple[int, int] = (0, 0)

    def first_new(self, started: int, seq: Ints, row: Ints, ordinal: Ints) -> int:
        """Of a message: the first event that was not seen before; all after it are new, too. Notes the last as seen."""
        n = len(seq)
        if not n:
            return 0
        if seq[0] < 0:
            return self._first_new_tick(started, seq, ordinal)
        if _identity(seq, row, ordinal, n - 1) <= self.point:
            return n
        first = 0
        while _identity(seq, row, ordinal, first) <= self.point:
            first += 1
        self.point = _identity(seq, row, ordinal, n - 1)
        return first

    def _first_new_tick(self, started: int, seq: Ints, ordinal: Ints) -> int:
        n = len(seq)
        if started < self.started:
            return n
        if started > self.started:
            self.started, self.tick = started, (0, 0)
        first = 0
        while first < n and (-int(seq[first]), int(ordinal[first])) <= self.tick:
            first += 1
        if first < n:
            self.tick = (-int(seq[n - 1]), int(ordinal[n - 1]))
        return first


def _identity(seq: Ints, row: Ints, ordinal: Ints, i: int) -> tuple[int, int, int]:
    return int(seq[i]), int(row[i]), int(ordinal[i])
