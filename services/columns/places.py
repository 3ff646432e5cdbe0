"""The order in which a node sends things, over all that it ever does: what tells a repetition from what is new.

A place is (number, row, ordinal) of what points have caused, the number being that of the write over all epochs of the
log, or (-tick, 0, ordinal) of what a tick has. Both rise, each for itself: a worker that goes back to a snapshot comes
to the same places again, and what is up to the last one that was dealt with is a repetition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.bus.epochs import Epochs
from services.columns.column import IntArray
from services.columns.frame import OriginArray, Step
from services.columns.output_sequence import OutputSequence

Place = tuple[int, int, int]

_FIRST: Place = (0, 0, 0)


@dataclass(slots=True)
class LastPlaces:
    """The last places: of what points, and of what ticks have caused."""

    point: Place = _FIRST
    tick: Place = _FIRST

    def covers(self, place: Place) -> bool:
        """Whether that place or one behind it has been reached."""
        return _rising(place) <= (self.tick if place[0] < 0 else self.point)

    def reach(self, place: Place) -> None:
        """Come to a place; one that was reached before changes nothing."""
        if place[0] < 0:
            self.tick = max(self.tick, _rising(place))
        else:
            self.point = max(self.point, place)

    def merge(self, other: LastPlaces) -> None:
        """Come to where either has."""
        self.point, self.tick = max(self.point, other.point), max(self.tick, other.tick)

    def state(self) -> list[Any]:
        """Both as plain data."""
        return [list(self.point), list(self.tick)]

    @classmethod
    def of(cls, state: Sequence[Sequence[int]]) -> LastPlaces:
        """What `state` gave. ValueError or TypeError for anything else."""
        (a, b, c), (d, e, f) = state
        return cls((int(a), int(b), int(c)), (int(d), int(e), int(f)))


class PlaceSequence:
    """The places of what one node gives. They rise, whatever its input does."""

    def __init__(self) -> None:
        self._sequence = OutputSequence()
        self._last = LastPlaces()

    def of(self, step: Step, origin: OriginArray, epochs: Epochs) -> Placed:
        """Those of n > 0 things, whose origins (rows of the step's input) do not fall."""
        event_ids = self._sequence.event_ids(step, origin)
        numbers = epochs.numbered(event_ids.seq)
        placed = Placed(numbers, event_ids.row, event_ids.ordinal)
        if self._last.covers(placed[0]):
            placed = placed.behind(self._last.tick if step.tick else self._last.point)
        self._last.reach(placed[len(placed) - 1])
        return placed

    def state(self) -> list[Any]:
        """The last ones, as plain data."""
        return self._last.state()

    def restore(self, state: Sequence[Sequence[int]]) -> None:
        """Take up what `state` gave."""
        self._last = LastPlaces.of(state)


@dataclass(slots=True)
class Placed:
    """n places as columns: int64[n] each."""

    number: IntArray
    row: IntArray
    ordinal: IntArray
    others: dict[int, Place] = field(default_factory=dict)  # by their index, those that are not as the columns say

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, i: int) -> Place:
        return self.others.get(i) or (int(self.number[i]), int(self.row[i]), int(self.ordinal[i]))

    def behind(self, last: Place) -> Placed:
        """The same places, but each behind the one before it, and the first behind `last` (which is rising)."""
        found = Placed(self.number, self.row, self.ordinal)
        for i in range(len(self)):
            place = self[i]
            if _rising(place) > last:
                last = _rising(place)
                continue
            last = (last[0], last[1], last[2] + 1)
            found.others[i] = (-last[0], last[1], last[2]) if place[0] < 0 else last
        return found


def latest(states: Iterable[Sequence[Sequence[int]]]) -> list[Any]:
    """What `state` of LastPlaces (or PlaceSequence) gave of several nodes, as of one that has come to where any has."""
    reached = LastPlaces()
    for state in states:
        reached.merge(LastPlaces.of(state))
    return reached.state()


def rising(place: Sequence[int] | None) -> tuple[bool, int, int, int]:
    """Orders places of several nodes, or of none: points among themselves, then ticks."""
    number, row, ordinal = place or _FIRST
    return (number < 0, abs(number), row, ordinal)


def _rising(place: Place) -> Place:
    return (abs(place[0]), place[1], place[2])
