"""Work that can only be done on the event loop, and takes a while: piece by piece, with time for others in between."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

_LONGEST_PAUSE = 0.1


class PacedLock:
    """One piece at a time. Each is followed by a pause as long as it took, in which data and heartbeats get on."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._hurries = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """For one piece of work, in which nothing is awaited."""
        async with self._one:
            await asyncio.sleep(0)
            begun = time.monotonic()
            try:
                yield
            finally:
                if not self._hurries:
                    await asyncio.sleep(min(time.monotonic() - begun, _LONGEST_PAUSE))

    @contextlib.contextmanager
    def hurry(self) -> Iterator[None]:
        """For as long as everything waits for the work to be done: without pauses."""
        self._hurries += 1
        try:
            yield
        finally:
            self._hurries -= 1
