"""Marks in ALERTS: from here on a topic has the handlers that it had at a sequence of EVENTS.

A mark stands on the topic's own subject, so that its place among the topic's alerts says which of them a change of the
topic's handlers counts for. Whoever stores it again stores nothing new: a mark counts only if it names a later event
than those before it.
"""

from __future__ import annotations

import orjson

from services.bus.connection import Bus
from services.bus.positions import AlertsSeq, EventsSeq
from services.bus.subjects import alert_subject

_BEGINS = b'{"handlers":'


def encode(seq: EventsSeq) -> bytes:
    """The message that marks an event."""
    return b"%b%d}" % (_BEGINS, seq)


def decode(data: bytes) -> EventsSeq | None:
    """The event that a message of ALERTS marks, None where it is no mark. ValueError for a broken one."""
    if not data.startswith(_BEGINS):
        return None
    seq = orjson.loads(data)["handlers"]
    if type(seq) is not int:
        raise ValueError(f"not a mark: {data[:100]!r}")
    return EventsSeq(seq)


async def put_mark(bus: Bus, topic: str, seq: EventsSeq) -> AlertsSeq:
    """Mark an event in a topic; gives the mark's place. Raises BusError."""
    return AlertsSeq((await bus.publish(alert_subject(topic), encode(seq), msg_id=f"handlers-{seq}")).seq)
