"""Sockets that servers listen on, and their addresses."""

from __future__ import annotations

import socket

_BACKLOG = 1024


def listen(address: str, backlog: int = _BACKLOG, shared: bool = False) -> socket.socket:
    """A listening socket on HOST:PORT; an empty host is every interface, IPv6 included where there is one.

    shared: other processes of this user may listen on the same address, if they say so too; the system spreads new
    connections over them. Raises OSError where the address cannot be had.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    return socket.create_server(
        (host, int(port)), family=family, dualstack_ipv6=dual, backlog=backlog, reuse_port=shared
    )


def join_host_port(host: str, port: int) -> str:
    """HOST:PORT, with brackets where the host is an address of IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
