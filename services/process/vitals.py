"""What a process tells of itself to those who watch over it: whether it is ready, and if not, what it lacks; its
metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from services.process.metrics.text import Metrics

T = TypeVar("T")

Check = Callable[[], Awaitable[str]]
"""Why a part of the process is not ready, "" where it is. What it raises is such a reason, too."""

_SECONDS = 2.0  # that a check may take
_FRESH_SECONDS = 0.5  # for which an answer counts: whoever asks again and again costs no more


class Vitals:
    """Ready is a process between `serves` and `ends`, as long as all its checks find nothing."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._checks: dict[str, Check] = {}
        self.shown: tuple[Callable[[Metrics, Any], None], Callable[[], Awaitable[Any]]] | None = None
        self._state = "it has not come up yet"
        self._asking: asyncio.Task[dict[str, str]] | None = None
        self._asked = 0.0

    def check(self, part: str, check: Check) -> None:
        """Have a part checked from now on; one check a part."""
        self._checks[part] = check

    def shows(self, show: Callable[[Metrics, T], None], figures: Callable[[], Awaitable[T]]) -> None:
        """Have figures among the metrics of this process. figures: asked on the event loop, show: not there."""
        self.shown = show, figures

    def serves(self) -> None:
        """It has come up."""
        self._state = ""
        self._asking = None

    def ends(self) -> None:
        """It is about to stop: nothing new should be sent here."""
        self._state = "it is stopping"
        self._asking = None

    async def lacks(self) -> dict[str, str]:
        """What is not ready, and why, by part; nothing where the process is ready."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked > _FRESH_SECONDS):
            self._asking, self._asked = asyncio.create_task(self._ask()), now
        return await asyncio.shield(self._asking)

    async def _ask(self) -> dict[str, str]:
        if self._state:
            return {self.service: self._state}
        reasons = await asyncio.gather(*map(_reason, self._checks.values()))
        return {part: reason for part, reason in zip(self._checks, reasons, strict=True) if reason}


async def _reason(check: Check) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {_SECONDS:g} s"
    except Exception as error:
        return str(error) or type(error).__name__
