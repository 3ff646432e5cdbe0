"""Publishing events that must not contradict each other."""

from __future__ import annotations

import time
from typing import Any

from services.bus import events
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge, WrongSequence
from services.bus.events import Event
from services.bus.subjects import events_subject
from services.gateway.access.audit import caller
from services.gateway.operations.operation_error import OperationError

SOURCE = "tickbus/gateway"


async def publish(bus: Bus, kind: str, id: str, what: str, data: dict[str, Any], last: int) -> int:
    """Store an event about a resource; gives its sequence.

    last: the last sequence of `tickbus.event.<kind>.<id>.*` that the decision rests on. WrongSequence where there is a
    later one, OperationError where the bus does not take the event; then it is unknown whether it was stored after all.
    """
    by = caller()
    via = f"{by.via} {by.host}" if by.host else by.via
    event = Event(kind, id, what, data, time.time_ns(), source=SOURCE, user=by.user, via=via)
    headers, body = events.encode(event)
    headers["Nats-Expected-Last-Subject-Sequence-Subject"] = events_subject(kind, id)
    try:
        seq = (await bus.publish(event.subject, body, headers, msg_id=event.event_id, expect_last=last)).seq
    except WrongSequence:
        raise
    except PayloadTooLarge as error:
        raise OperationError(413, f"too large: {error}") from error
    except BusError as error:
        raise OperationError(503, f"the change could not be stored: {error}") from error
    by.stored(event, seq)
    return seq
