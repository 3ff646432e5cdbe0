"""Whether the bus is there, for all viewers."""

from __future__ import annotations

import asyncio

from services.bus.connection import Bus
from services.gateway.live.feed import Feed
from services.gateway.live.viewer import Viewer

_PAUSE_SECONDS = 0.5


class ConnectionFeed(Feed):
    """For every viewer."""

    def __init__(self, bus: Bus) -> None:
        super().__init__("bus")
        self._bus = bus

    def joined(self, viewer: Viewer) -> None:
        """There is nothing to show."""

    def ended(self) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        while True:
            if self._bus.connected:
                self.works()
            else:
                self.fails("not connected to NATS")
            await asyncio.sleep(_PAUSE_SECONDS)
