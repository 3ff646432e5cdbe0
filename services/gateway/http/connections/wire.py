"""One accepted socket: in the place of asyncio's reader and writer, with what was read handed on as it came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from services.gateway.http.connections.bodies import SILENCE_SECONDS
from services.process import log as logs

_READ_AHEAD = 512 << 10
_log = logs.get("http")


class Wire(asyncio.Protocol):
    """Both directions of a connection. It can stand where Hypercorn's TCPServer wants a StreamWriter."""

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: Callable[[Wire], None]) -> None:
        """opened: is called with the wire once it is connected."""
        self._loop = loop
        self._opened = opened
        self._transport: asyncio.Transport
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None
        self._lost = False
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()
        self.heard = loop.time()
        """When the last bytes came, by the loop's clock."""

    async def read(self, within: float | None = None) -> bytes:
        """What has come next, empty at the end. Only one task may read.

        within: seconds. Raises TimeoutError where nothing comes for so long.
        """
        while not self._chunks:
            if self._ended:
                return b""
            waiting = self._waiting = self._loop.create_future()
            # asyncio.timeout costs several times as much, and some clients send each small body behind its head
            timer = None if within is None else self._loop.call_later(within, _nothing_came, waiting)
            try:
                await waiting
            finally:
                if timer is not None:
                    timer.cancel()
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._paused and self._held <= _READ_AHEAD // 2:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return chunk

    def end(self) -> None:
        """Nothing more is read, as if the client had hung up. What has come and was not read yet still is."""
        self._ended = True
        self._wake()

    def write(self, data: bytes) -> None:
        if not self._lost:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until more may be written. ConnectionResetError where the connection is lost.

        It is given up where the client takes nothing for as long as a server waits for one that sends nothing.
        """
        while not self._room.is_set():
            left = self._transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._room.wait()
            except TimeoutError:
                if self._transport.get_write_buffer_size() >= left and not self._room.is_set():
                    _log.limited("not taken").warn("a client does not take its answer and is dropped")
                    self.abort()
        if self._lost:
            raise ConnectionResetError("connection lost")

    def write_eof(self) -> None:
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is still to be sent and end; what has come and was not read yet is dropped."""
        self._chunks.clear()
        self.end()
        self._transport.close()

    def abort(self) -> None:
        """End at once; what has not been sent yet is dropped."""
        self._chunks.clear()
        self.end()
        self._transport.abort()

    async def wait_closed(self) -> None:
        await self._gone.wait()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self.heard = self._loop.time()
        self._chunks.append(data)
        self._held += len(data)
        if self._held > _READ_AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.end()
        # TLS cannot be closed in one direction only.
        return self._transport.get_extra_info("ssl_object") is None

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._room.set()
        self._gone.set()
        self.end()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


def _nothing_came(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())
