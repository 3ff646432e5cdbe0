"""Guessing passwords is made slow: after some wrong ones for a name, the next answer for it takes a while.

What is counted is counted for each address that asks, so that nobody keeps others from logging in.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_FREE = 5  # wrong ones that cost nothing: people mistype
_FIRST_SECONDS, _LONGEST_SECONDS = 0.2, 5.0
_FORGOTTEN_SECONDS = 300.0
_MOST_NAMES = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    under_way: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class LoginThrottle:
    """Counts wrong passwords by who asks and the name they were for, whether there is a user of that name or not."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """To check a password in: at once, or one after another and slowly where there were many wrong ones, or are as
        many under way."""
        failures = self._failures.setdefault(name, _Failures())
        free = failures.count + failures.under_way < _FREE
        failures.under_way += 1
        try:
            if free:
                yield
                return
            async with failures.turn:
                if failures.count >= _FREE and (wait := self._wait(failures)) > 0:
                    await asyncio.sleep(wait)
                yield
        finally:
            failures.under_way -= 1
            if not failures.count and not failures.under_way and self._failures.get(name) is failures:
                del self._failures[name]

    def failed(self, name: str) -> int:
        """It was wrong. Gives how many have been of late."""
        failures = self._failures.pop(name, None) or _Failures()
        now = time.monotonic()
        failures.count = 1 if now - failures.last > _FORGOTTEN_SECONDS else failures.count + 1
        failures.last = now
        if len(self._failures) >= _MOST_NAMES:
            self._failures.popitem(last=False)
        self._failures[name] = failures
        return failures.count

    def succeeded(self, name: str) -> None:
        """It was right."""
        self._failures.pop(name, None)

    @staticmethod
    def _wait(failures: _Failures) -> float:
        passed = time.monotonic() - failures.last
        wait: float = min(_FIRST_SECONDS * 2 ** min(failures.count - _FREE, 10), _LONGEST_SECONDS)
        return wait - passed
