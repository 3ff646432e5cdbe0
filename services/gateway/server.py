"""The HTTP server: Hypercorn's protocols on one socket, for one ASGI callable.

Hypercorn's own loop makes and cancels a task a request to notice idle connections, and reads 64 KB at a time. Here a
connection has one timer and reads further ahead: a quarter less work for a small request, some less for a big body.
Everything between the bytes and ASGI is Hypercorn's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask, WorkerContext
from hypercorn.config import Config as Hypercorn
from hypercorn.events import Closed, Event, RawData
from hypercorn.typing import ASGIFramework, LifespanState

_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 180.0
_MAX_HEADERS = 64 << 10
_BODY_CHUNKS = 16
_READ_SIZE = 96 << 10  # malloc takes more from the system each time, which costs more than reading twice
_READ_AHEAD = 512 << 10


def listen(address: str) -> socket.socket:
    """A listening socket on HOST:PORT; an empty host is every interface, IPv6 included where there is one.

    Raises OSError where the address cannot be had.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)


async def serve(
    app: Any, listener: socket.socket, stop: asyncio.Event, timeout: float, ready: Callable[[], None]
) -> None:
    """Serve until `stop` is set; requests under way then have `timeout` seconds to end. `ready` once it takes them."""
    loop = asyncio.get_running_loop()
    config = _config()
    context = WorkerContext(None)
    wrapped = ASGIWrapper(cast(ASGIFramework, app))
    connections: dict[asyncio.Task[None], _Connection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        connection = _Connection(wrapped, loop, config, context, LifespanState({}), reader, writer)
        connections[task] = connection
        try:
            await connection.run()
        finally:
            del connections[task]

    listener.setblocking(False)
    server = await asyncio.start_server(connected, sock=listener, backlog=_BACKLOG, limit=_READ_AHEAD)
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
    """Hypercorn's settings, with a Date header that is made once a second."""

    def __init__(self) -> None:
        self._dated = 0
        self._response_headers: list[tuple[bytes, bytes]] = []

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        now = int(time.time())
        if now != self._dated:
            self._dated = now
            self._response_headers = super().response_headers(protocol)
        return self._response_headers


def _config() -> Hypercorn:
    config = _Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn")
    config.include_server_header = False
    config.keep_alive_max_requests = 1 << 62
    config.h11_max_incomplete_size = _MAX_HEADERS
    config.max_app_queue_size = _BODY_CHUNKS
    config.alpn_protocols = ["http/1.1"]
    return config


class _Connection(TCPServer):
    """One connection."""

    def __init__(
        self,
        app: ASGIWrapper,
        loop: asyncio.AbstractEventLoop,
        config: Hypercorn,
        context: WorkerContext,
        state: LifespanState,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(app, loop, config, context, state, reader, writer)
        self._idle = _IdleTimer(loop, self._close_now)
        self.idle_task = cast(AsyncioSingleTask, self._idle)

    def close_if_idle(self) -> None:
        """Close the connection unless a request is under way."""
        if self._idle.idle:
            self._close_now()

    def _close_now(self) -> None:
        # Ends the reading loop, and with it everything else.
        self.reader.feed_eof()

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
        reader, handle = self.reader, self.protocol.handle
        while not reader.at_eof():
            try:
                data = await reader.read(_READ_SIZE)
            except OSError:
                break
            if data:
                await handle(RawData(data))
        await handle(Closed())


class _IdleTimer:
    """Ends a connection on which nothing has been asked for long. In the place of Hypercorn's task for that."""

    def __init__(self, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        self._loop = loop
        self._end = end
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.idle = False

    async def restart(self, task_group: TaskGroup, action: Callable[..., Any]) -> None:
        self.idle = True
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(_KEEP_ALIVE_SECONDS, self._look)

    async def stop(self) -> None:
        self.idle = False

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
