"""The HTTP server: Hypercorn's protocols on one socket, and a way past them for plain writes.

What Hypercorn does between the bytes and ASGI costs ten times as much as a small write itself. So a write whose head
holds nothing unusual is read here, while nothing else is under way on its connection, and goes to the entry as it is.
All other bytes go to Hypercorn, and what it would answer to a plain write is what is answered here, byte for byte.

Hypercorn's own loop makes and cancels a task a request to notice idle connections; here a connection has one timer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask, WorkerContext
from hypercorn.config import Config as Hypercorn
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ASGIFramework, LifespanState

from services import log as logs
from services.gateway.answers import RawHeaders
from services.gateway.entry import Entry
from services.gateway.wire import Wire
from services.gateway.write_request import PlainHead, plain_head
from services.gateway.writes import Gone, too_large

_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 180.0
_HANDSHAKE_SECONDS = 20.0
_BYE_SECONDS = 1.0
_MAX_HEADERS = 64 << 10
_BODY_CHUNKS = 16
_log = logs.get("http")


def listen(address: str) -> socket.socket:
    """A listening socket on HOST:PORT; an empty host is every interface, IPv6 included where there is one.

    Raises OSError where the address cannot be had.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    listener = socket.create_server((host, int(port)), family=family, dualstack_ipv6=dual, backlog=_BACKLOG)
    # Accepted sockets inherit it. uvloop sets it as well, asyncio's own loop would not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(
    entry: Entry,
    listener: socket.socket,
    stop: asyncio.Event,
    timeout: float,
    ready: Callable[[], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until `stop` is set; requests under way then have `timeout` seconds to end. `ready` once it takes them.

    tls: for HTTPS.
    """
    loop = asyncio.get_running_loop()
    config = _Config()
    context = WorkerContext(None)
    connections: dict[asyncio.Task[None], _Connection] = {}

    def opened(wire: Wire) -> None:
        if stop.is_set():
            wire.close()
            return
        connection = _Connection(entry, loop, config, context, wire)
        task = loop.create_task(connection.run())
        connections[task] = connection
        task.add_done_callback(closed)

    def closed(task: asyncio.Task[None]) -> None:
        del connections[task]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            _log.exception("a connection failed", error)

    listener.setblocking(False)
    server = await loop.create_server(
        lambda: Wire(loop, opened),
        sock=listener,
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
        ssl_shutdown_timeout=_BYE_SECONDS if tls else None,
    )
    ready()
    await stop.wait()
    server.close()
    await context.terminated.set()
    for connection in connections.values():
        connection.close_if_idle()
    if connections:
        _, late = await asyncio.wait(list(connections), timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


class _Config(Hypercorn):
    """Hypercorn's settings, with the headers that it adds to each answer made once a second."""

    def __init__(self) -> None:
        self._dated = 0
        self._added: list[tuple[bytes, bytes]] = []
        self.accesslog = None
        self.errorlog = logging.getLogger("hypercorn")
        self.include_server_header = False
        self.keep_alive_max_requests = 1 << 62
        self.h11_max_incomplete_size = _MAX_HEADERS
        self.max_app_queue_size = _BODY_CHUNKS
        self.alpn_protocols = ["http/1.1"]

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        now = int(time.time())
        if now != self._dated:
            self._dated = now
            self._added = super().response_headers(protocol)
        return self._added


class _Connection(TCPServer):
    """One connection."""

    def __init__(
        self,
        entry: Entry,
        loop: asyncio.AbstractEventLoop,
        config: Hypercorn,
        context: WorkerContext,
        wire: Wire,
    ) -> None:
        app, state = ASGIWrapper(cast(ASGIFramework, entry)), LifespanState({})
        reader, writer = cast(asyncio.StreamReader, wire), cast(asyncio.StreamWriter, wire)
        super().__init__(app, loop, config, context, state, reader, writer)
        self._entry = entry
        self._wire = wire
        self._rest = b""
        self._answered = False
        self._hypercorn_has_read = False
        self._idle = _IdleTimer(loop, wire.end)
        self.idle_task = cast(AsyncioSingleTask, self._idle)

    def close_if_idle(self) -> None:
        """Close the connection unless a request is under way."""
        if self._idle.idle:
            self._wire.end()

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self._idle.cancel()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData) and not event.data:
            return
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        wire, handle = self._wire, self.protocol.handle
        while data := await wire.read():
            while data and (head := self._plain_head(data)):
                data = await self._write(head, data)
            if data:
                self._hypercorn_has_read = True
                await handle(RawData(data))
        await handle(Closed())

    def _plain_head(self, data: bytes) -> PlainHead | None:
        """The head of the write that these bytes begin with, if it need not go through Hypercorn."""
        if self._hypercorn_has_read:
            protocol = self.protocol.protocol
            if not self._idle.idle or not isinstance(protocol, H11Protocol) or protocol.connection.trailing_data[0]:
                return None
            self._hypercorn_has_read = False
        return plain_head(data)

    async def _write(self, head: PlainHead, data: bytes) -> bytes:
        """Answer a write that stands at the beginning of `data`; gives what has come behind it."""
        self._idle.end()
        self._rest = b""
        self._answered = False

        async def read(limit: int) -> bytes:
            return await self._body(data, head.size, head.length, limit)

        client = self.protocol.client
        try:
            await self._entry.write(head.request, client[0] if client else "-", read, self._send)
        except asyncio.CancelledError:
            if not self._answered:
                await self._send(500, [(b"content-length", b"0"), (b"connection", b"close")], b"")
            raise
        if self.context.terminated.is_set():
            self._wire.close()
            return b""
        self._idle.begin()
        return self._rest

    async def _body(self, data: bytes, start: int, length: int, limit: int) -> bytes:
        missing = start + length - len(data)
        pieces = [data[start:]]
        while missing > 0:
            data = await self._wire.read()
            if not data:
                raise Gone
            missing -= len(data)
            if length <= limit:
                pieces.append(data)
        if length > limit:
            self._rest = data[missing:] if missing else b""
            raise too_large(length, limit)
        if missing:
            self._rest = data[missing:]
            pieces[-1] = pieces[-1][:missing]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _send(self, status: int, headers: RawHeaders, body: bytes) -> None:
        lines = [b"HTTP/1.1 %d \r\n" % status]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines += [b"%b: %b\r\n" % header for header in self.config.response_headers("h11")]
        lines += [b"\r\n", body]
        self._answered = True
        self._wire.write(b"".join(lines))
        try:
            await self._wire.drain()
        except ConnectionError:
            self._rest = b""
            self._wire.close()


class _IdleTimer:
    """Ends a connection on which nothing has been asked for long. In the place of Hypercorn's task for that."""

    def __init__(self, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        self._loop = loop
        self._end = end
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.idle = False

    def begin(self) -> None:
        """Nothing is asked for from now on."""
        self.idle = True
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(_KEEP_ALIVE_SECONDS, self._look)

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
        if waited >= _KEEP_ALIVE_SECONDS:
            self._timer = None
            self._end()
        else:
            self._timer = self._loop.call_later(_KEEP_ALIVE_SECONDS - waited, self._look)
