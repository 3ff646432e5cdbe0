"""Sockets that servers listen on, and their addresses."""

from __future__ import annotations

import os
import socket

_BACKLOG = 1024


class CannotListen(OSError):
    """The address cannot be had: `filename` is the address, `strerror` why."""

    def __str__(self) -> str:
        return f"cannot listen on {self.filename}: {self.strerror}"


def listen(address: str, backlog: int = _BACKLOG, shared: bool = False) -> socket.socket:
    """A listening socket on HOST:PORT; an empty host is every interface, IPv6 included where there is one.

    shared: other processes of this user may listen on the same address, if they say so too; the system spreads new
    connections over them. Raises CannotListen where the address cannot be had.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    try:
        return socket.create_server(
            (host, int(port)), family=family, dualstack_ipv6=dual, backlog=backlog, reuse_port=shared
        )
    except socket.gaierror as error:
        raise CannotListen(error.errno, error.strerror, address) from error
    except OSError as error:  # its own words name the address once more
        raise CannotListen(error.errno, os.strerror(error.errno or 0), address) from error


def join_host_port(host: str, port: int) -> str:
    """HOST:PORT, with brackets where the host is an address of IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
