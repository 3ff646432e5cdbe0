"""Looking at how alerts stand, and doing what follows from that: once something has changed, once something is due."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable
from typing import ClassVar, TypeVar

from services.bus.errors import BusError
from services.process import log as logs

_log = logs.get("alerting")

T = TypeVar("T")

_SOONEST, _RAREST = 0.05, 2.0  # seconds between two looks, while alerts or silences keep changing
_SHARE = 4  # times as long as a look takes is what comes between
_LONGEST = 5.0  # seconds until it is looked again: topics may have come to this alerting meanwhile
_PAUSE = 0.2  # seconds after the bus has failed
_SLICE = 500  # alerts that are looked at before others have their turn


class Looking(ABC):
    """One thing that is looked after, for as long as the service runs. doing: what of it is not done yet where the bus
    fails, in words."""

    doing: ClassVar[str]

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        """now(): ns since 1970."""
        self._now = now
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Something that it looks at is other than it was."""
        self._changed.set()

    async def run(self) -> None:
        """Look for ever. Looking takes a part of the processor only."""
        while True:
            self._changed.clear()
            began = time.thread_time()
            try:
                due = await self._look()
                pause = _LONGEST if due is None else min(_LONGEST, max(0.0, (due - self._now()) / 1e9))
            except BusError as error:
                _log.limited(self.doing).warn(f"{self.doing} cannot be done yet", err=error)
                pause = _PAUSE
            await asyncio.sleep(min(_RAREST, max(_SOONEST, _SHARE * (time.thread_time() - began))))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    @abstractmethod
    async def _look(self) -> int | None:
        """Do what is due; gives when something next is (ns), None for nothing. Raises BusError."""


async def in_turns(of: Iterable[T]) -> AsyncIterator[T]:
    """Each of them, with time for others in between."""
    for number, one in enumerate(of):
        if number % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        yield one
