"""A change of an alert's level, as it is kept, and those that are new in a message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass

from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.topic import FLAPPING, INHIBITED, MUTED, SILENCED, Folded
from services.alertlog.info import LEVELS
from services.alertlog.matchers import Labels
from services.store import codec

_WORD = 1 << 64

Place = tuple[int, int, int]
"""Of a transition: when its message was stored (ns), the message's sequence in ALERTS, the event's number there."""


@dataclass(frozen=True, slots=True)
class Transition:
    """level, previous: 0 (OK) to 3 (CRITICAL). time, duration: ns, of the event. silenced, muted, flapping: why
    handlers were not told."""

    topic: str
    id: str
    task: str
    name: str
    tags: dict[str, str]
    level: int
    previous: int
    time: int
    duration: int
    message: str
    silenced: bool
    muted: bool = False
    flapping: bool = False

    def labels(self) -> Labels:
        """What matchers may ask of it."""
        return Labels(self.topic, self.id, self.task, LEVELS[self.level], self.name, self.tags)

    def pack(self) -> bytes:
        """As a store has it."""
        return codec.pack(astuple(self))

    @classmethod
    def unpack(cls, packed: bytes) -> Transition:
        """The inverse. ValueError or TypeError where it is none."""
        return cls(*codec.unpack(packed))


def key_of(place: Place) -> bytes:
    """The key of a transition: in the order of keys the latest comes first."""
    stored, seq, number = place
    return b"".join((_WORD - 1 - part).to_bytes(8, "big") for part in (stored, seq, number))


def place_of(key: bytes) -> Place:
    """The inverse. ValueError where it is no key."""
    if len(key) != 24:
        raise ValueError("no key of a transition")
    stored, seq, number = (_WORD - 1 - int.from_bytes(key[at : at + 8], "big") for at in (0, 8, 16))
    return stored, seq, number


def changes_in(message: ReceivedMessage, before: Folded, folded: Folded) -> Iterator[tuple[int, Transition]]:
    """The changes of level that are new in a message, each with the number of its event.

    before: what was new, with the levels from before; folded: the same, with why handlers are not told.
    """
    for at, i in enumerate(folded.events):
        previous, level = before.previous[at], int(message.level[i])
        if previous in (level, INHIBITED):
            continue
        try:
            of = message.labels(i)
            numbers = level, previous, int(message.time[i]), folded.durations.get(i, int(message.duration[i]))
            why = (folded.previous[at] == mark for mark in (SILENCED, MUTED, FLAPPING))
            yield i, Transition(of.topic, of.id, of.task, of.name, {**of.tags}, *numbers, message.text(i), *why)
        except (ValueError, TypeError, LookupError, AttributeError):
            continue  # no event: delivery says so
