"""Work that can only be done on the event loop, and takes a while: piece by piece, with time for others in between."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

_LONGEST_PAUSE = 0.1
_LONGEST_HURRY = 0.01  # seconds of work between which others get on, however much it hurries


class PacedLock:
    """One piece at a time. Each is followed by a pause as long as it took, in which data and heartbeats get on."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._hurries = 0
        self._got_on = 0.0  # when others last could

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """For one piece of work, in which nothing is awaited."""
        async with self._one:
            if not self._hurries or time.monotonic() - self._got_on > _LONGEST_HURRY:
                await asyncio.sleep(0)
                self._got_on = time.monotonic()
            begun = time.monotonic()
            try:
                yield
            finally:
                if not self._hurries:
                    await asyncio.sleep(min(time.monotonic() - begun, _LONGEST_PAUSE))

    @contextlib.contextmanager
    def hurry(self) -> Iterator[None]:
        """For as long as everything waits for the work to be done: without pauses, some pieces at once."""
        self._hurries += 1
        try:
            yield
        finally:
            self._hurries -= 1
