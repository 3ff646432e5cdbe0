"""A stream reader that hands out what comes as it comes, without a buffer in between."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast

_BESIDE: Final = 4096
"""Bytes that a piece may take beside what it holds: asyncio gives whole pages of its read buffers away."""


class PiecewiseReader(asyncio.StreamReader):
    """As asyncio's, but that `read` gives the next piece as the transport has read it, whatever size is asked for.

    asyncio's copies each piece into a buffer and out of it again, which costs more than to find messages in it. Lines
    are read before anything else is.
    """

    def __init__(self, limit: int) -> None:
        """limit: the bytes of a line; from twice as many on that wait here, the transport reads no more until half of
        them are taken."""
        super().__init__(limit)
        self._low, self._most = limit, 2 * limit
        self.awaited = 0
        """Bytes of which nobody is woken before they have come, unless no more can come: the beginning of a large
        message is of use to nobody, and it comes in dozens of pieces."""
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._piecewise = False
        self._source: asyncio.ReadTransport | None = None
        self._held_back = False

    def set_transport(self, transport: asyncio.BaseTransport) -> None:
        super().set_transport(transport)
        self._source = cast(asyncio.ReadTransport, transport)  # uvloop's are none by their class

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        if not self._piecewise:
            super().feed_data(data)
            return
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data) + _BESIDE
        if self._size > self._most and not self._held_back and self._source is not None:
            self._source.pause_reading()
            self._held_back = True
        if self._size - _BESIDE * len(self._pieces) >= self.awaited or self._size > self._most:
            self._wakeup_waiter()  # type: ignore[attr-defined]

    async def read(self, n: int = -1) -> bytes:
        """The next piece; b"" at the end. Raises what the connection was lost by."""
        if self._buffer:  # type: ignore[attr-defined]
            return await super().read(n)
        self._piecewise = True
        if (lost := self.exception()) is not None:
            raise lost
        if not self._pieces and not self._eof:  # type: ignore[attr-defined]
            await self._wait_for_data("read")  # type: ignore[attr-defined]
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._size -= len(piece) + _BESIDE
        if self._held_back and self._size <= self._low and self._source is not None:
            self._held_back = False
            self._source.resume_reading()
        return piece

    def at_eof(self) -> bool:
        return not self._pieces and super().at_eof()
