"""A client as Telegraf is one: it measures steadily, and what was not taken it keeps and sends again later."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence

import httpx

SECONDS = 5.0  # for an answer, as Telegraf has it


class BufferingClient:
    """Numbered points, each sent until it is acknowledged, in order; without an Idempotency-Key, as Telegraf does.

    Of several addresses one is chosen for each write, another where it fails.
    """

    def __init__(
        self, urls: Sequence[str], line: Callable[[int], str], every: float = 0.05, retry: float = 1.0
    ) -> None:
        """urls: of gateways. line(n): what point n is written as. every, retry: seconds between points, and writes."""
        self._urls, self._line, self._every, self.retry = urls, line, every, retry
        self.measured = 0
        self.written = 0  # acknowledged
        self.failed = 0  # tries
        self.longest_refused = 0.0
        """Seconds from the first try of a write that failed at all addresses until it was taken."""
        self.refusals: list[str] = []
        self._ending = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[BufferingClient]:
        """Measures and writes while the block runs; at its end everything is written that was measured."""
        async with httpx.AsyncClient(timeout=SECONDS) as http:
            writing = asyncio.create_task(self._run(http))
            try:
                yield self
            finally:
                self._ending.set()
                await writing

    async def _run(self, http: httpx.AsyncClient) -> None:
        began, refused_since = time.monotonic(), 0.0
        while not (self._ending.is_set() and self.written == self.measured and self.measured):
            if not self._ending.is_set():
                self.measured = int((time.monotonic() - began) / self._every)
            if self.measured > self.written and not await self._send(http):
                refused_since = refused_since or time.monotonic()
            elif refused_since:
                self.longest_refused = max(self.longest_refused, time.monotonic() - refused_since)
                refused_since = 0.0
            if self.measured > self.written or not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.retry if refused_since else self.retry / 4):
                        await (asyncio.Event() if refused_since else self._ending).wait()

    async def _send(self, http: httpx.AsyncClient) -> bool:
        until = self.measured
        body = "\n".join(self._line(n) for n in range(self.written, until))
        for url in random.sample(self._urls, len(self._urls)):
            parameters = {"db": "db", "rp": "rp", "precision": "ms"}
            try:
                answer = await http.post(f"{url}/write", params=parameters, content=body)
            except httpx.HTTPError as error:
                why = repr(error)
            else:
                if answer.status_code == 204:
                    self.written = until
                    return True
                assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
                why = answer.text
            self.failed += 1
            self.refusals.append(f"{url}: {why}")
        return False
