"""A UDP socket that an input listens on."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from services.process import log as logs
from services.process.listening import join_host_port

_LARGEST = 64 << 10
_TURN_SECONDS = 0.002  # then others have theirs
_LAST_SECONDS = 1.0
_log = logs.get("inputs")


class Datagrams:
    """Hands over each datagram that a UDP socket receives. read_failed: how often reading failed.

    Not a transport of the event loop: uvloop's reads as many as 32 before anything else has its turn, and those that
    take long to read, which anybody may send, would leave none to HTTP.
    """

    def __init__(self, bound: socket.socket, received: Callable[[bytes], None]) -> None:
        """bound: without blocking; closed with this."""
        self._socket, self._received = bound, received
        self._loop = asyncio.get_running_loop()
        self.address = address_of(bound.getsockname())
        self.read_failed = 0
        self._loop.add_reader(bound.fileno(), self._read, _TURN_SECONDS)

    def close(self) -> None:
        """Hand over what has come, and listen no more."""
        self._loop.remove_reader(self._socket.fileno())
        self._read(_LAST_SECONDS)
        self._socket.close()

    def _read(self, seconds: float) -> None:
        """Those that there are, but no more once so much time has passed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                data = self._socket.recv(_LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.read_failed += 1
                _log.limited("udp").warn("a datagram could not be read", err=error)
                return
            self._received(data)


async def receive_datagrams(address: str, read_buffer: int, received: Callable[[bytes], None]) -> Datagrams:
    """Listen on HOST:PORT; an empty host is every interface, IPv6 included where there is one.

    read_buffer: the size of the operating system's buffer, 0: as it has it. Raises OSError where the address cannot be
    had.
    """
    return Datagrams(await _bound(address, read_buffer), received)


def address_of(name: tuple[Any, ...]) -> str:
    """HOST:PORT of what a socket is bound to."""
    host, port, *_ = name
    return join_host_port(host, port)


async def _bound(address: str, read_buffer: int) -> socket.socket:
    host, _, port = address.rpartition(":")
    dual = not host and socket.has_dualstack_ipv6()
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            "::" if dual else host.strip("[]") or None, int(port), type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, where = found[0]
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if dual:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if read_buffer:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
            bound.setblocking(False)
            bound.bind(where)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        raise OSError(error.errno, f"{address}: {error.strerror}") from error
    return bound
