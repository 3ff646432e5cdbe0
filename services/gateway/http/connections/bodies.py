"""How long a request's body may take to come, and how much memory all that are coming may take."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Self

from services.gateway.http.rejection import RequestRejected

SILENCE_SECONDS = 30.0
"""How long nothing may come of a head or a body that has begun."""

_SLOWEST = 1024  # bytes a second that a body has to come at, from SILENCE_SECONDS after its beginning on
_NOT_COUNTED = 64 << 10  # a body up to this is not worth counting: so much lies in a connection's buffers anyway


class BodyDeadline:
    """Waits for the pieces of one body."""

    def __init__(self) -> None:
        self._until = time.monotonic() + SILENCE_SECONDS

    @property
    def seconds(self) -> float:
        """How long the next piece may take."""
        return max(min(SILENCE_SECONDS, self._until - time.monotonic()), 0)

    @contextlib.asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """For waiting for the next piece. Raises RequestRejected, 408, where it does not come in time."""
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except TimeoutError:
            raise too_late() from None

    def received(self, size: int) -> None:
        """So many bytes have come."""
        self._until += size / _SLOWEST


def too_late() -> RequestRejected:
    """Says that a body has not come in time."""
    return RequestRejected(408, "the body did not come in time")


class Bodies:
    """Keeps account of the bodies in memory."""

    def __init__(self, most: int) -> None:
        """most: bytes of all of them together. One alone may be larger."""
        self._most = most
        self.held = 0

    def hold(self) -> Held:
        """Use as a context manager, for as long as a body is in memory."""
        return Held(self)

    def take(self, size: int) -> None:
        """Raises RequestRejected, 503, where there is no room now."""
        if self.held and self.held + size > self._most:
            raise RequestRejected(503, f"too much is being sent at once, over {self._most} bytes: try again")
        self.held += size


class Held:
    """One body's part."""

    __slots__ = ("_bodies", "size")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies.held -= self.size

    def grow(self, size: int) -> None:
        """The body has, or is going to have, so many bytes in all.

        Raises RequestRejected, 503, where there is no room now.
        """
        if size > _NOT_COUNTED and size > self.size:
            self._bodies.take(size - self.size)
            self.size = size
