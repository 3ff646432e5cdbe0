"""The HTTP server: Hypercorn on one socket, for one ASGI callable."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as Hypercorn

_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 180.0
_MAX_HEADERS = 64 << 10
_BODY_CHUNKS = 64


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
    config = Hypercorn()
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = _BACKLOG
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn")
    config.include_server_header = False
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = 1 << 62
    config.graceful_timeout = timeout
    config.h11_max_incomplete_size = _MAX_HEADERS
    config.max_app_queue_size = _BODY_CHUNKS
    config.alpn_protocols = ["http/1.1"]

    async def stopped() -> None:
        # Hypercorn asks for its shutdown trigger once it listens.
        ready()
        await stop.wait()

    await hypercorn_serve(app, config, shutdown_trigger=stopped, mode="asgi")
