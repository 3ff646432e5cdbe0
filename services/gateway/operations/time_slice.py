"""Long work on the event loop that lets others have their turns."""

from __future__ import annotations

import asyncio
import time

TURN_SECONDS = 0.003


class TimeSlice:
    """One for each piece of work; `yield_if_over` is called as often as there is a place to pause."""

    def __init__(self, share: float = 1.0) -> None:
        """share: of the time that the work takes at most, where nobody waits for it."""
        self._pauses = 1 / share - 1
        self._begun = time.perf_counter()

    @property
    def over(self) -> bool:
        """Whether others wait by now."""
        return time.perf_counter() - self._begun > TURN_SECONDS

    async def yield_if_over(self) -> None:
        """Let the others have their turn where the own one was long enough."""
        took = time.perf_counter() - self._begun
        if took > TURN_SECONDS:
            await asyncio.sleep(took * self._pauses)
            self._begun = time.perf_counter()
