"""ALERTS as it is folded here: waiting until it is, and reading a message of it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.alerting.topics.message import ReceivedMessage
from services.bus.connection import Bus
from services.bus.streams import ALERTS
from services.bus.subjects import parse_alert_subject


class FoldedLog:
    """What all of alerting has to do with the log but for the fold itself, which says how far it is."""

    def __init__(self, bus: Bus, position: Callable[[], int]) -> None:
        """position(): up to where the log is folded."""
        self._bus, self._position = bus, position
        self._moved, self._was_at_end = asyncio.Event(), asyncio.Event()

    @property
    def position(self) -> int:
        """Sequence of the last message folded."""
        return self._position()

    @property
    def was_at_end(self) -> bool:
        """Whether everything is folded that was there when the service began."""
        return self._was_at_end.is_set()

    async def current(self) -> None:
        """Wait until everything is folded that was there when the service began."""
        await self._was_at_end.wait()

    async def caught_up(self) -> None:
        """Wait until everything is folded that is there now. Raises BusError."""
        await self.folded(await self._bus.last_sequence(ALERTS))

    async def folded(self, seq: int) -> None:
        """Wait until a message is folded."""
        while self.position < seq:
            self._moved.clear()
            await self._moved.wait()

    async def fetch(self, seq: int) -> ReceivedMessage | None:
        """A message, read again; None where the log has it no more. Raises BusError."""
        stored = await self._bus.get_message(ALERTS, seq)
        return None if stored is None else ReceivedMessage(stored.data, parse_alert_subject(stored.subject))

    def moved(self) -> None:
        """The position is another."""
        self._moved.set()

    def reached_end(self) -> None:
        """Everything is folded that is there at this moment."""
        self._was_at_end.set()
