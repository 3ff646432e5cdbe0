"""Deletions in ALERTS: a topic is to be forgotten; the place of the message says which of the topic's events are."""

from __future__ import annotations

import orjson

from services.bus.positions import EventsSeq

_BEGINS = b'{"deleted":true'


def encode(after: EventsSeq) -> bytes:
    """The message. after: the last event known then: a task that starts later has its own topic there again."""
    return b'%b,"after":%d}' % (_BEGINS, after)


def decode(data: bytes) -> EventsSeq | None:
    """The `after` of a message that deletes a topic, 0 where it has none; None for any other. ValueError: broken."""
    if not data.startswith(_BEGINS):
        return None
    after = orjson.loads(data).get("after", 0)
    if type(after) is not int:
        raise ValueError(f"not a deletion: {data[:100]!r}")
    return EventsSeq(after)
