"""On the bus: how alerts of a topic stood in another server that this one takes over from, on the topic's own subject.

{"brings-in": the last event of EVENTS known then, events: [id, level, time, duration, message, details] each}; level 0
(OK) to 3 (CRITICAL), time and duration in ns. No handler is told of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from services.alertlog.info import LEVELS
from services.alertlog.split import cut
from services.bus.positions import EventsSeq

_BEGINS = b'{"brings-in":'

_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class BroughtEvent:
    """The last event of an id. level … duration: as in the message."""

    id: str
    level: int
    time: int
    duration: int
    message: str
    details: str


@dataclass(frozen=True, slots=True)
class BroughtIn:
    """What a message says. after: the last event known then: of a task that was deleted later its own topics go."""

    after: EventsSeq
    events: list[BroughtEvent]


def encode(events: Sequence[BroughtEvent], after: EventsSeq, limit: int) -> Iterator[bytes]:
    """Messages of at most `limit` bytes, unless one event is more than that."""
    rows = [[e.id, e.level, e.time, e.duration, e.message, e.details] for e in events]
    yield from cut({"brings-in": after}, "events", rows, limit)


def decode(data: bytes) -> BroughtIn | None:
    """What a message of ALERTS brings in, None where it is no such message. ValueError for a broken one."""
    if not data.startswith(_BEGINS):
        return None
    try:
        body = orjson.loads(data)
        events = [BroughtEvent(*row) for row in body["events"]]
        if type(body["brings-in"]) is not int or not all(map(_fits, events)):
            raise TypeError("texts, a level and two times for each event expected")
        return BroughtIn(EventsSeq(body["brings-in"]), events)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"brings in nothing: {error!r}") from error


def _fits(event: BroughtEvent) -> bool:
    texts = {type(event.id), type(event.message), type(event.details)}
    numbers = {type(event.level), type(event.time), type(event.duration)}
    if texts != {str} or numbers != {int} or not 0 <= event.level < len(LEVELS):
        return False
    return all(-_INT64 <= number < _INT64 for number in (event.time, event.duration))
