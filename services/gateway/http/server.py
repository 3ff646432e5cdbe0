"""The HTTP server: a socket, its connections, and their end."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config as Hypercorn

from services.gateway.http.connections.connection import Connection
from services.gateway.http.connections.connection_limit import ConnectionLimit
from services.gateway.http.connections.wire import Wire
from services.gateway.http.dispatcher import RequestDispatcher
from services.process import log as logs

_BACKLOG = 1024
_HANDSHAKE_SECONDS = 20.0
_BYE_SECONDS = 1.0
_MAX_HEADERS = 64 << 10
_BODY_CHUNKS = 16
_log = logs.get("http")


async def serve(
    dispatcher: RequestDispatcher,
    listener: socket.socket,
    stop: asyncio.Event,
    timeout: float,
    ready: Callable[[], None],
    limit: ConnectionLimit,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until `stop` is set; requests under way then have `timeout` seconds to end. `ready` once it takes them.

    limit: how many connections there may be. tls: for HTTPS.
    """
    loop = asyncio.get_running_loop()
    config = _Config()
    context = WorkerContext(None)
    connections: dict[asyncio.Task[None], Connection] = {}

    def opened(wire: Wire) -> None:
        if stop.is_set() or not limit.room(connections.values()):
            wire.abort()
            return
        connection = Connection(dispatcher, loop, config, context, wire)
        task = loop.create_task(connection.run())
        connections[task] = connection
        task.add_done_callback(closed)

    def closed(task: asyncio.Task[None]) -> None:
        del connections[task]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            _log.exception("a connection failed", error)

    # Accepted sockets inherit it. uvloop sets it as well, asyncio's own loop would not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
            _, late = await asyncio.wait(late, timeout=_BYE_SECONDS)
        for task in late:
            connections[task].evict()  # it waits for a client that does not read
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
