"""What recorders say of recordings and replays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from services.bus import events
from services.bus.connection import Bus
from services.bus.errors import BusUnavailable, WrongSequence
from services.bus.events import Event
from services.bus.subjects import events_subject
from services.process import log as logs

_log = logs.get("recorder")
_PAUSE = 0.5


class Overtaken(Exception):
    """Somebody else has said something of the same recording or replay meanwhile."""


async def announce(bus: Bus, source: str, kind: str, id: str, what: str, data: Mapping[str, Any], last: int) -> int:
    """Publish an event, however long the bus takes; gives its sequence.

    last: the last sequence of the events under this id that this rests on. Raises Overtaken where there is a later one.
    """
    event = Event(kind, id, what, dict(data), time.time_ns(), source=source)
    headers, body = events.encode(event)
    headers["Nats-Expected-Last-Subject-Sequence-Subject"] = events_subject(kind, id)
    while True:
        try:
            return (await bus.publish(event.subject, body, headers, msg_id=event.event_id, expect_last=last)).seq
        except WrongSequence as error:
            raise Overtaken(f"{kind} {id}: {what}") from error
        except BusUnavailable as error:
            _log.limited("announce").warn("the bus does not take a message yet", kind=kind, id=id, err=error)
            await asyncio.sleep(_PAUSE)
