"""Driving a replay's task: what comes is handed to it when the clock has come to it, and what it wants is done."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Sequence

import numpy as np

from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq
from services.columns.column import IntArray
from services.process import log as logs
from services.process.flight_recorder import FLIGHT_RECORDER, packed
from services.recorder.replay.clock import ReplayClock
from services.recorder.replay.kept_effects import Performer
from services.recorder.replay.settling import settle
from services.runtime.effects import Effect, ForAlerting
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun

_log = logs.get("recorder")

_ANSWERS_SECONDS = 30.0  # for what nodes have done outside, when the recording is through
_ANSWER_PAUSE = 0.02
_LONGEST_PAUSE = 1.0  # after which what was kept meanwhile may be shown

EARLIEST = -(2**63)
REPLAY = "replay"
"""What the process is at (services.process.flight_recorder): of this kind, the replay's id, `started` for its run, and
the time in it."""


class ReplayDriver:
    """A task under way in a replay. `now`: what its clock says, ns; EARLIEST before anything has come."""

    def __init__(
        self,
        performer: Performer,
        run: TaskRun,
        replay: str,
        started: EventsSeq,
        lease_status: Callable[[], LeaseStatus],
        patience: float,
    ) -> None:
        """started: the event that first said that the replay has started. patience: seconds, see settling.py."""
        self.run = run
        self.now = EARLIEST
        self.started, self.lease_status, self.part = started, lease_status, None
        self._replay, self._patience, self._performer = replay, patience, performer
        self._what = packed(kind=REPLAY, id=replay, run=started)
        self._wake = asyncio.Event()
        self.alerted = False  # something was sent to alerting
        loop = asyncio.get_running_loop()

        def wake() -> None:
            """Called in any thread, perhaps once the loop has come to its end."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake.set)

        run.attach(wake)

    @property
    def id(self) -> str:
        """The task's."""
        return self.run.id

    async def through(
        self,
        processing_times: IntArray,
        clock: ReplayClock,
        step: Callable[[int, int], Sequence[Effect]],
        most: int = 1 << 30,
    ) -> None:
        """Take n things in, each when the clock has come to it, and in between what the clock sets off.

        processing_times: int64[n], what the clock says when each comes; never falling. step: takes in those from one
        number up to another, no more than `most` at once.
        """
        run, at, n = self.run, 0, len(processing_times)
        if n:
            run.begin(int(processing_times[0]))
        while at < n:
            while run.full:
                await self._answers()
            limit = clock.limit()
            end = n if limit is None else int(np.searchsorted(processing_times, limit, "right"))
            tick = run.next_tick()
            if tick is not None:
                end = min(end, int(np.searchsorted(processing_times, tick, "left")))
            if end > at:
                end = min(end, at + run.reach(processing_times[at:end], 0), at + most)
            if end > at:
                self.now = max(self.now, int(processing_times[end - 1]))
                self._step(functools.partial(step, at, end), int(processing_times[at]))
                at = end
            elif tick is not None and tick <= int(processing_times[at]) and (limit is None or tick <= limit):
                self.now = max(self.now, tick)
                self._tick()
            else:
                due = int(processing_times[at]) if tick is None else min(int(processing_times[at]), tick)
                pause = min(clock.wait(due), _LONGEST_PAUSE)
                await self._wait(min(pause, _ANSWER_PAUSE) if run.has_pending else pause)
            await self._performer.room()
            await asyncio.sleep(0)

    async def answered(self) -> None:
        """Wait, though not for ever, for what nodes have done outside."""
        until = time.monotonic() + _ANSWERS_SECONDS
        while self.run.has_pending and time.monotonic() < until:
            await self._answers()

    def finish(self) -> None:
        """The replay has come to its end."""
        self._step(lambda: self.run.finish(self.now))

    async def settled(self) -> None:
        """Wait until what nodes have handed over is done outside, if patience lasts."""

        async def left() -> int:
            return self.run.outstanding

        if not await settle(left, self._patience):
            _log.warn("a replay ends before all is sent: it does not get on", replay=self._replay, task=self.run.id)

    async def _answers(self) -> None:
        """Take in what has come back from outside."""
        await self._wait(_ANSWER_PAUSE)
        self._tick()

    def _tick(self) -> None:
        self._step(lambda: self.run.tick(self.now))

    async def _wait(self, seconds: float) -> None:
        """So long, or until something has come back from outside."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _step(self, step: Callable[[], Sequence[Effect]], first: int | None = None) -> None:
        """Take a step, noted for whoever comes after a recorder that does not survive it. Raises TaskFailed.

        first: what the clock says where it begins, ns; None: as it does where it ends.
        """
        FLIGHT_RECORDER.begin(self._what, self.now if first is None else first, self.now)
        try:
            effects = step()
            self.alerted = self.alerted or any(isinstance(effect, ForAlerting) for effect in effects)
            self._performer.perform(self, effects)
        finally:
            over = FLIGHT_RECORDER.end()
        if over:
            raise TaskFailed(
                f"a step took longer than {FLIGHT_RECORDER.limit:g} s, which is the step-limit in [engine]"
            )
