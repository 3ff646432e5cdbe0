"""A batch task over what InfluxDB has for a time: each query of its ticks asked, and nothing done outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing

import numpy as np

from services.columns.column import IntArray
from services.connectors.influxdb import InfluxDBClient
from services.dryrun.backtesting.findings import Findings, Line
from services.recorder.record.queries import task_queries
from services.recorder.replay.clock import ReplayClock
from services.recorder.replay.sources import BatchSource, asked, play_batches
from services.runtime.effects import Effect
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun

_ANSWER_SECONDS = 30.0  # for what a node asks of something outside, a UDF's process


class BatchBacktest:
    """One under way. points: how many have gone through."""

    def __init__(
        self, run: TaskRun, clusters: Mapping[str, InfluxDBClient], begin: int, end: int, findings: Findings
    ) -> None:
        """run: made with an environment that is `dry`. begin, end: ns; no query of a tick behind `end` is asked.

        Raises QueryFailed where the task cannot ask.
        """
        self.run, self.points = run, 0
        self._findings = findings
        self._queries = task_queries(run, clusters, begin, end, end)
        self._shares = dict.fromkeys(range(len(self._queries)), 0.0)
        self._lines: list[Line] = []
        self._woken = asyncio.Event()
        self._sink: Callable[[Iterable[Line]], Awaitable[bool]] | None = None

    @property
    def progress(self) -> float:
        """How much of the time is through: 0 to 1."""
        return min(self._shares.values(), default=0.0)

    async def play(self, sink: Callable[[Iterable[Line]], Awaitable[bool]]) -> None:
        """All of it through the task. sink: takes what there is to be told, gives whether more is
        wanted. Raises QueryFailed, or BusError."""
        self._sink = sink
        loop = asyncio.get_running_loop()

        def wake() -> None:
            """Called in any thread, perhaps once the loop has come to its end."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._woken.set)

        self.run.attach(wake)
        async with AsyncExitStack() as stack:
            sources = []
            for i, (name, query) in enumerate(zip(self.run.queries, self._queries, strict=True)):
                found = asked(query, self.run.table, self._reached(i))
                clock = ReplayClock(0, real=False, recording_time=True)
                sources.append(BatchSource(name, await stack.enter_async_context(aclosing(found)), clock))
            with contextlib.suppress(TaskFailed):
                await play_batches(self, sources, self._count)

    async def through(
        self,
        processing_times: IntArray,
        clock: ReplayClock,
        step: Callable[[int, int], Sequence[Effect]],
        most: int = 1 << 30,
    ) -> None:
        """Take n batches in, and in between what the clock sets off. See ReplayDriver.through. Raises TaskFailed."""
        run, at, n = self.run, 0, len(processing_times)
        if n:
            run.begin(int(processing_times[0]))
        while at < n:
            end, due = n, run.next_due()
            if due is not None:
                end = int(np.searchsorted(processing_times, due, "left"))
            if end > at:
                end = min(end, at + run.reach(processing_times[at:end], 0), at + most)
                self._take(lambda a=at, b=end: step(a, b))  # type: ignore[misc]
                at = end
            else:
                self._take(lambda d=due: run.advance(d))  # type: ignore[misc]
            await self._answers(int(processing_times[min(at, n - 1)]))
            await self._written()

    def _take(self, step: Callable[[], Sequence[Effect]]) -> None:
        try:
            self._lines += self._findings.take(step())
        except TaskFailed as error:
            self._findings.fail(str(error))
        if self._findings.failed:
            raise TaskFailed(self._findings.failed)

    async def _answers(self, now: int) -> None:
        """Wait for what nodes have asked of something outside."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                while self.run.waiting:
                    await self._woken.wait()
                    self._woken.clear()
                    self._take(lambda: self.run.take_in(now))
        except TimeoutError:
            self._findings.fail(f"no answer from outside within {_ANSWER_SECONDS:g} s")
            raise TaskFailed(self._findings.failed) from None

    async def _written(self) -> None:
        assert self._sink is not None
        lines, self._lines = self._lines, []
        self._findings.tells = await self._sink(lines)
        await asyncio.sleep(0)

    def _reached(self, query: int) -> Callable[[float], None]:
        def reached(share: float) -> None:
            self._shares[query] = share

        return reached

    def _count(self, points: int) -> None:
        self.points += points
