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

from services import log as logs
from services.gateway.connection import Connection
from services.gateway.connection_limit import ConnectionLimit
from services.gateway.entry import Entry
from services.gateway.wire import Wire

_BACKLOG = 1024
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
        connection = Connection(entry, loop, config, context, wire)
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
