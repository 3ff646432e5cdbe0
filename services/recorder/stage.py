"""Where a replay's task runs: what comes is handed to it when the clock has come to it, and what it wants is done."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

import numpy as np

from services import log as logs
from services.engine.alerts.letters import letters
from services.engine.column import IntArray
from services.engine.effects import Effect, Failure, ForAlerting, Output
from services.engine.node import TaskFailed
from services.engine.outbox import Letter, Standing
from services.engine.task import TaskRun
from services.recorder.settling import settle
from services.recorder.timing import ReplayClock
from services.recorder.workshop import Workshop

_log = logs.get("recorder")

_ANSWERS_SECONDS = 30.0  # for what nodes have done outside, when the recording is through
_ANSWER_PAUSE = 0.02
_HEADER_ROOM = 2048

EARLIEST = -(2**63)


class Stage:
    """A task under way in a replay. `now`: what its clock says, ns; EARLIEST before anything has come."""

    def __init__(
        self, shop: Workshop, run: TaskRun, replay: str, started: int, standing: Callable[[], Standing]
    ) -> None:
        """started: the sequence of the event that first said that the replay has started."""
        self.run = run
        self.now = EARLIEST
        self._shop, self._replay, self._started, self._standing = shop, replay, started, standing
        self._wake = asyncio.Event()
        self.alerted = False  # something was sent to alerting
        loop = asyncio.get_running_loop()

        def wake() -> None:
            """Called in any thread, perhaps once the loop has come to its end."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake.set)

        run.attach(wake)

    async def through(
        self, moments: IntArray, clock: ReplayClock, step: Callable[[int, int], Sequence[Effect]], most: int = 1 << 30
    ) -> None:
        """Take n things in, each when the clock has come to it, and in between what the clock sets off.

        moments: int64[n], what the clock says when each comes; never falling. step: takes in those from one number up
        to another, no more than `most` at once.
        """
        run, at, n = self.run, 0, len(moments)
        if n:
            run.begin(int(moments[0]))
        while at < n:
            while run.full:
                await self._answers()
            limit = clock.limit()
            end = n if limit is None else int(np.searchsorted(moments, limit, "right"))
            tick = run.next_tick()
            if tick is not None:
                end = min(end, int(np.searchsorted(moments, tick, "left")))
            if end > at:
                end = min(end, at + run.reach(moments[at:end], 0), at + most)
            if end > at:
                self.now = max(self.now, int(moments[end - 1]))
                self._perform(step(at, end))
                at = end
            elif tick is not None and tick <= int(moments[at]) and (limit is None or tick <= limit):
                self.now = max(self.now, tick)
                self._tick()
            else:
                due = int(moments[at]) if tick is None else min(int(moments[at]), tick)
                pause = clock.wait(due)
                await self._wait(min(pause, _ANSWER_PAUSE) if run.unanswered else pause)
            await self._shop.outbox.room()
            await asyncio.sleep(0)

    async def answered(self) -> None:
        """Wait, though not for ever, for what nodes have done outside."""
        until = time.monotonic() + _ANSWERS_SECONDS
        while self.run.unanswered and time.monotonic() < until:
            await self._answers()

    def finish(self) -> None:
        """The replay has come to its end."""
        self._perform(self.run.finish(self.now))

    async def settled(self) -> None:
        """Wait until what nodes have handed over is done outside, if patience lasts."""

        async def left() -> int:
            return self.run.outstanding

        if not await settle(left, self._shop.patience):
            _log.warn("a replay ends before all is sent: it does not get on", replay=self._replay, task=self.run.id)

    async def _answers(self) -> None:
        """Take in what has come back from outside."""
        await self._wait(_ANSWER_PAUSE)
        self._tick()

    def _tick(self) -> None:
        self._perform(self.run.tick(self.now))

    async def _wait(self, seconds: float) -> None:
        """So long, or until something has come back from outside."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Have done what a step wants done outside. What would be written back to the bus stays undone: it would go
        to all the live tasks."""
        limit = self._shop.max_payload - _HEADER_ROOM
        for effect in effects:
            if isinstance(effect, ForAlerting):
                self.alerted = True
                for lane, subject, data in letters(effect, self._started, self._replay, limit):
                    self._shop.outbox.send(lane, Letter(subject, data, None, self._standing))
            elif isinstance(effect, Failure):
                raise TaskFailed(effect.reason)
            elif isinstance(effect, Output) and self._standing() is Standing.HELD:
                effect.do()
