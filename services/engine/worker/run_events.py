"""What a worker says of the runs of its tasks, in EVENTS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from services.bus import events
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.bus.subjects import event_subject
from services.process import log as logs

log = logs.get("engine")

_RETRY = 1.0


class RunEvents:
    """Publishes them in one worker's name."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._bus, self.name = bus, name

    async def publish(self, task: str, what: str, data: Mapping[str, Any]) -> EventsSeq:
        """One of them; gives its place. Raises BusError."""
        headers, body = events.encode(Event("run", task, what, dict(data), time.time_ns(), source=self.name))
        return EventsSeq((await self._bus.publish(event_subject("run", task, what), body, headers)).seq)

    async def publish_at_last(self, task: str, what: str, data: Mapping[str, Any]) -> None:
        """One of them, however long the bus takes."""
        while True:
            try:
                await self.publish(task, what, data)
                return
            except BusError as e:
                log.warn("the bus does not take a message yet", task=task, err=e)
                await asyncio.sleep(_RETRY)
