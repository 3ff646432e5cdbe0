"""CloudEvents, to the wire and back."""

from __future__ import annotations

import pytest

from services.bus.connection import Bus
from services.bus.events import Event, decode, encode
from services.bus.follow import StoredMessage


async def test_an_event_over_the_wire(bus: Bus) -> None:
    event = Event("task", 'täsk "1"\n%', "defined", {"script": "stream\n"}, 1_700_000_000_123_456_789, source="gateway")
    headers, data = encode(event)
    assert headers["ce-type"] == "tickbus.task.defined" and headers["ce-time"] == "2023-11-14T22:13:20.123456789Z"
    assert headers["content-type"] == "application/json"
    ack = await bus.publish(event.subject, data, headers, msg_id=event.event_id)
    message = await bus.get_message("EVENTS", ack.seq)
    assert message is not None
    back = decode(message)
    assert back == Event(
        event.kind, event.id, event.what, event.data, event.time_ns, ack.seq, event.event_id, "gateway"
    )


def test_what_is_no_event() -> None:
    headers, data = encode(Event("task", "a", "defined", {}, 0))
    subject = "tickbus.event.task.a.defined"
    assert decode(StoredMessage(1, subject, data, headers, 5)).id == "a"
    for bad in (
        StoredMessage(1, subject, data, None, 0),
        StoredMessage(1, subject, b"{", headers, 0),
        StoredMessage(1, subject, b"[]", headers, 0),
        StoredMessage(1, "tickbus.event.task.a.deleted", data, headers, 0),
        StoredMessage(1, "tickbus.write.a.b", data, headers, 0),
        StoredMessage(1, subject, data, headers | {"ce-time": "yesterday"}, 0),
        StoredMessage(1, subject, data, {key: value for key, value in headers.items() if key != "ce-id"}, 0),
    ):
        with pytest.raises(ValueError):
            decode(bad)
