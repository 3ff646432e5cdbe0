"""Log lines told on the bus while somebody wants them."""

from __future__ import annotations

import asyncio
from collections import deque

from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import escape
from services.process import log

_MOST_LINES = 10_000
_MOST_BYTES = 256 << 10


class LogForwarder:
    """One a process."""

    def __init__(self, bus: Bus, service: str) -> None:
        self._bus = bus
        self._subject = f"tickbus.log.{escape(service)}"
        self._loop = asyncio.get_running_loop()
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._ending: asyncio.TimerHandle | None = None
        self._level = ""

    def listen(self, level: str, seconds: float) -> None:
        """Tell lines from this level up for so long from now; said again in time, it goes on."""
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self._loop.call_later(seconds, self.stop)
        if level != self._level:
            self._level = level
            log.listen(self._heard, level)

    def stop(self) -> None:
        """Tell nothing more."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending, self._level = None, ""
            log.listen(None)

    def _heard(self, line: str) -> None:
        """In any thread. Of lines that come faster than they can be told the oldest are lost."""
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                self._loop.call_soon_threadsafe(self._tell)
            except RuntimeError:
                # The loop has ended; nobody can be told any more.
                self._lines.clear()

    def _tell(self) -> None:
        while self._lines:
            part: list[str] = []
            size = 0
            while self._lines and size < _MOST_BYTES:
                part.append(self._lines.popleft())
                size += len(part[-1])
            try:
                self._bus.broadcast(self._subject, "\n".join(part).encode("utf-8", "replace")[: self._bus.max_payload])
            except BusError:
                # Logging it would come back here.
                self._lines.clear()
