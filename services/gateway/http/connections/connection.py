"""One HTTP connection: Hypercorn's protocol, and a way past it for plain writes.

What Hypercorn does between the bytes and ASGI costs ten times as much as a small write itself. So a write whose head
holds nothing unusual is read here, while nothing else is under way on its connection, and goes to the dispatcher as
it is. All other bytes go to Hypercorn, and what it would answer to a plain write is what is answered here, byte for
byte.

Hypercorn's own loop makes and cancels a task a request to notice idle connections; here a connection has one timer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import h11
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask, WorkerContext
from hypercorn.config import Config as Hypercorn
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ASGIFramework, LifespanState

from services.gateway.http.answers import RawHeaders
from services.gateway.http.connections.bodies import SILENCE_SECONDS, BodyDeadline, Held, too_late
from services.gateway.http.connections.wire import Wire
from services.gateway.http.dispatcher import RequestDispatcher
from services.gateway.http.rejection import ClientDisconnected, RequestRejected, too_large
from services.gateway.http.writing.write_request import PlainHead, plain_head

KEEP_ALIVE_SECONDS = 180.0
"""How long a connection stays on which nothing is asked for."""


class Connection(TCPServer):
    """One connection."""

    def __init__(
        self,
        dispatcher: RequestDispatcher,
        loop: asyncio.AbstractEventLoop,
        config: Hypercorn,
        context: WorkerContext,
        wire: Wire,
    ) -> None:
        app, state = ASGIWrapper(cast(ASGIFramework, dispatcher)), LifespanState({})
        reader, writer = cast(asyncio.StreamReader, wire), cast(asyncio.StreamWriter, wire)
        super().__init__(app, loop, config, context, state, reader, writer)
        self._dispatcher = dispatcher
        self._wire = wire
        self._rest = b""
        self._answered = False
        self._in_body = False
        self._hypercorn_has_read = False
        self._own = 0, b""
        self._idle = _IdleTimer(loop, wire.end)
        self.idle_task = cast(AsyncioSingleTask, self._idle)

    @property
    def client(self) -> str:
        """The client's address, "-" where it is not known yet."""
        client = self.protocol.client if hasattr(self, "protocol") else None
        return client[0] if client else "-"

    @property
    def waits_since(self) -> float | None:
        """Since when the server waits for bytes of the client, by the loop's clock; None: it is being answered."""
        if self._idle.idle or self._in_body or self._their_state() is h11.SEND_BODY:
            return self._wire.heard
        return None

    def evict(self) -> None:
        """Close the connection, whatever the client was about to send."""
        self._wire.abort()

    def close_if_idle(self) -> None:
        """Close the connection unless a request is under way."""
        if self._idle.idle:
            self._wire.end()

    async def run(self) -> None:
        """Serve the connection until it is closed."""
        try:
            await super().run()
        finally:
            self._idle.cancel()

    async def protocol_send(self, event: Event) -> None:
        """Send, but nothing where there is nothing to be sent."""
        if isinstance(event, RawData) and not event.data:
            return
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        wire, handle = self._wire, self.protocol.handle
        if isinstance(self.protocol.protocol, H11Protocol):
            setattr(self.protocol.protocol, "_check_protocol", _no_other_protocol)  # noqa: B010
        while data := await wire.read():
            while data and (head := self._plain_head(data)):
                data = await self._write(head, data)
            if data:
                self._hypercorn_has_read = True
                await handle(RawData(data))
                if self._idle.idle and self._unread():
                    self._idle.head_begins()
        await handle(Closed())

    def _unread(self) -> bytes:
        """What Hypercorn has been given and cannot make a request of yet."""
        protocol = self.protocol.protocol
        if not isinstance(protocol, H11Protocol) or not isinstance(protocol.connection, h11.Connection):
            return b""
        return protocol.connection.trailing_data[0]

    def _their_state(self) -> Any:
        protocol = self.protocol.protocol if hasattr(self, "protocol") else None
        return protocol.connection.their_state if isinstance(protocol, H11Protocol) else None

    def _plain_head(self, data: bytes) -> PlainHead | None:
        """The head of the write that these bytes begin with, if it need not go through Hypercorn."""
        if self._hypercorn_has_read:
            if not self._idle.idle or not isinstance(self.protocol.protocol, H11Protocol) or self._unread():
                return None
            self._hypercorn_has_read = False
        return plain_head(data)

    async def _write(self, head: PlainHead, data: bytes) -> bytes:
        """Answer a write that stands at the beginning of `data`; gives what has come behind it."""
        self._idle.end()
        self._rest = b""
        self._answered = False

        async def read(limit: int, held: Held) -> bytes:
            return await self._body(data, head.size, head.length, limit, held)

        try:
            await self._dispatcher.write(head.request, self.client, read, self._send)
        except asyncio.CancelledError:
            if not self._answered:
                await self._send(500, [(b"content-length", b"0"), (b"connection", b"close")], b"")
            raise
        if self.context.terminated.is_set():
            self._wire.close()
            return b""
        self._idle.begin()
        return self._rest

    async def _body(self, data: bytes, start: int, length: int, limit: int, held: Held) -> bytes:
        missing = start + length - len(data)
        if missing <= 0 and length <= limit:
            if missing:
                self._rest = data[missing:]
            return data[start : start + length]
        self._in_body = True
        try:
            body = await self._long_body(data[start:], missing, length, limit, held)
        except RequestRejected:
            # what is still to come of it cannot be told from another request, and is not waited for
            self._wire.end()
            raise
        finally:
            self._in_body = False
        if length > limit:
            raise too_large(length, limit)
        return body

    async def _long_body(self, first: bytes, missing: int, length: int, limit: int, held: Held) -> bytes:
        if length <= limit:
            held.grow(length)
        chunks, data = [first], first
        deadline = BodyDeadline()
        while missing > 0:
            try:
                data = await self._wire.read(deadline.seconds)
            except TimeoutError:
                raise too_late() from None
            if not data:
                raise ClientDisconnected
            deadline.received(len(data))
            missing -= len(data)
            if length <= limit:
                chunks.append(data)
        self._rest = data[missing:] if missing else b""
        if missing and length <= limit:
            chunks[-1] = chunks[-1][:missing]
        return b"".join(chunks)

    async def _send(self, status: int, headers: RawHeaders, body: bytes) -> None:
        lines = [b"HTTP/1.1 %d \r\n" % status]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines += [self._own_headers(), b"\r\n", body]
        self._answered = True
        self._wire.write(b"".join(lines))
        try:
            await self._wire.drain()
        except ConnectionError:
            self._rest = b""
            self._wire.close()

    def _own_headers(self) -> bytes:
        """Those that Hypercorn has in every answer: the date, which is another each second."""
        second = int(time.time())
        if second != self._own[0]:
            headers = self.config.response_headers("h11")
            self._own = second, b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._own[1]


async def _no_other_protocol(request: h11.Request) -> None:
    """HTTP/2 without TLS, by an upgrade or from the start, is not spoken: h11's answer to it is that of any server."""


class _IdleTimer:
    """Ends a connection on which nothing has been asked for long, or a head has not come whole.

    In the place of Hypercorn's task for that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        self._loop = loop
        self._end = end
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._patience = KEEP_ALIVE_SECONDS
        self.idle = False

    def begin(self) -> None:
        """Nothing is asked for from now on."""
        self.idle = True
        self._patience = KEEP_ALIVE_SECONDS
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(KEEP_ALIVE_SECONDS, self._look)

    def head_begins(self) -> None:
        """The first part of a request's head has come, or more of it: the rest has not for ever."""
        if self._patience == SILENCE_SECONDS:
            return
        self._patience = SILENCE_SECONDS
        self._since = self._loop.time()
        self.cancel()
        self._timer = self._loop.call_later(SILENCE_SECONDS, self._look)

    def end(self) -> None:
        """A request is under way."""
        self.idle = False

    async def restart(self, task_group: TaskGroup, action: Callable[..., Any]) -> None:
        self.begin()

    async def stop(self) -> None:
        self.end()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        waited = self._loop.time() - self._since if self.idle else 0.0
        if waited >= self._patience:
            self._timer = None
            self._end()
        else:
            self._timer = self._loop.call_later(self._patience - waited, self._look)
