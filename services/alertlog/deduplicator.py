"""What has been seen of a node: its worker, going back to a snapshot, sends again what it has sent before.

What a node sends rises: what points cause is ordered by (seq, row, ordinal) over all runs, since a run begins behind
the writes that the one before has seen; what ticks cause by (tick, ordinal) within one run, which `started` names,
since a clock may have been set back between two.

Of a task in parts each part has an order of its own. Parts of one layout begin when all of the one before have sent
what they had to: so a part goes on behind all that was seen before its layout, and what comes of an earlier one later
is a repetition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.bus.positions import PartOf

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Deduplicator:
    """The last identities of one node: of what points caused, and of what ticks caused under one `started`.

    layout: of the parts that send by now, 0 where none ever has. parts: by number; what was seen before they came
    stands here.
    """

    point: tuple[int, int, int] = (0, 0, 0)
    started: int = 0
    tick: tuple[int, int] = (0, 0)
    layout: int = 0
    parts: dict[int, Deduplicator] = field(default_factory=dict)

    def first_new(self, started: int, seq: Ints, row: Ints, ordinal: Ints, part: PartOf | None = None) -> int:
        """Of a message: the first event that was not seen before; all after it are new, too. Notes the last as seen.

        part: which part of the task sends it, None where it runs whole.
        """
        layout, number = part or (started, 0)
        if layout < self.layout:
            return len(seq)
        if layout > self.layout and (part is not None or self.layout):
            self._begin(layout)
        if part is None:
            return self._first_new(started, seq, row, ordinal)
        return self._of(number)._first_new(started, seq, row, ordinal)

    def last_tick(self, started: int, part: PartOf | None) -> int:
        """The last tick that was seen of a run, or of a part of it; 0 for none."""
        one = self if part is None or part[0] != self.layout else self.parts.get(part[1], self)
        return one.tick[0] if one.started == started else 0

    def to_plain(self) -> list[Any]:
        """For a store to hold."""
        plain: list[Any] = [self.point, self.started, self.tick]
        return [*plain, self.layout, {n: one.to_plain() for n, one in self.parts.items()}] if self.layout else plain

    @classmethod
    def of_plain(cls, plain: Sequence[Any]) -> Deduplicator:
        """What `to_plain` gave."""
        point, started, tick, *more = plain
        layout, parts = more or (0, {})
        return cls(tuple(point), started, tuple(tick), layout, {n: cls.of_plain(one) for n, one in parts.items()})

    def _begin(self, layout: int) -> None:
        """All that was sent before this layout has been seen."""
        for one in self.parts.values():
            self.point = max(self.point, one.point)
            self.started, self.tick = max((self.started, self.tick), (one.started, one.tick))
        self.layout, self.parts = layout, {}

    def _of(self, number: int) -> Deduplicator:
        if number not in self.parts:
            self.parts[number] = Deduplicator(self.point, self.started, self.tick)
        return self.parts[number]

    def _first_new(self, started: int, seq: Ints, row: Ints, ordinal: Ints) -> int:
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
