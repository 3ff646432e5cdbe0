"""One event on its way to one sink: attempt after attempt, until the sink has answered or it is too late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from services.alerting.delivery.outcomes import Outcome
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 10.0
_MOST_PATIENCE = 4.0


class Delivery:
    """pausing: whether it waits between two attempts. attempts: how many there were; took: the last of them, seconds.

    outcome: what is noted of it so far.
    """

    def __init__(
        self, handler: AlertHandler[Any], options: Any, event: AlertEvent, context: HandlerContext, until: float
    ) -> None:
        """until: when the last attempt may begin, in seconds by the monotonic clock."""
        self._handler, self._options, self.event, self._context = handler, options, event, context
        self._until = until
        self._backoff = _FIRST_PAUSE
        self._patience = 1.0
        self.pausing = False
        self.attempts = 0
        self.took = 0.0
        self.outcome: Outcome | None = None

    async def attempt(self) -> Unsent | Rejected | None:
        """Send it once; what went wrong.

        Where the answer comes too late, the next attempt may take twice as long: a sink that is only slow is not to
        get the event again and again.
        """
        began = time.monotonic()
        self.attempts += 1
        try:
            return await self._send()
        finally:
            self.took = time.monotonic() - began

    def pause(self, problem: Unsent | Rejected) -> float | None:
        """How long to wait after a problem before it is sent again, in seconds; None: it is not sent again.

        A sink that asks to wait is waited for, but there is a last attempt before it is too late.
        """
        now = time.monotonic()
        pause = self._backoff
        if isinstance(problem, Unsent):
            pause = max(pause, min(problem.wait, self._until - now))
        if isinstance(problem, Rejected) or now + pause > self._until:
            return None
        self._backoff = min(2 * self._backoff, _LAST_PAUSE)
        return pause

    async def wait(self, pause: float) -> None:
        """Let so many seconds pass."""
        self.pausing = True
        try:
            await asyncio.sleep(pause)
        finally:
            self.pausing = False

    async def _send(self) -> Unsent | Rejected | None:
        seconds = self._handler.timeout(self._options, self._context)
        if seconds is not None:
            seconds *= self._patience
        try:
            async with asyncio.timeout(seconds):
                await self._handler.handle(self.event, self._options, self._context)
        except (Unsent, Rejected) as problem:
            return problem
        except TimeoutError:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
            return Unsent(f"no answer within {seconds:g} s" if seconds is not None else "no answer in time")
        except Exception as error:
            # a user's endpoint or data may fail in ways nobody thought of; the queue goes on
            return Rejected(f"{type(error).__name__}: {error}")
        return None
