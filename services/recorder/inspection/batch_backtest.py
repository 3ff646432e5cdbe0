"""A batch task over what InfluxDB has for a time: each query of its ticks asked, and nothing done outside."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing

import numpy as np

from services.columns.column import IntArray
from services.connectors.influxdb import InfluxDBClient
from services.dryrun.backtesting.findings import Findings
from services.dryrun.dry_run import DryRun
from services.dryrun.outcomes import Line
from services.recorder.record.queries import task_queries
from services.recorder.replay.clock import ReplayClock
from services.recorder.replay.sources import BatchSource, asked, play_batches
from services.runtime.effects import Effect
from services.runtime.errors import TaskFailed


class BatchBacktest:
    """One under way. points: how many have gone through."""

    def __init__(
        self, dry: DryRun, clusters: Mapping[str, InfluxDBClient], begin: int, end: int, findings: Findings
    ) -> None:
        """dry: begun, as a context manager. begin, end: ns; no query of a tick behind `end` is asked.

        Raises QueryFailed where the task cannot ask.
        """
        self._dry, self.run, self.points = dry, dry.run, 0
        self._findings = findings
        self._queries = task_queries(self.run, clusters, begin, end, end)
        self._shares = dict.fromkeys(range(len(self._queries)), 0.0)
        self._lines: list[Line] = []
        self._sink: Callable[[Iterable[Line]], Awaitable[bool]] | None = None

    @property
    def progress(self) -> float:
        """How much of the time is through: 0 to 1."""
        return min(self._shares.values(), default=0.0)

    async def play(self, sink: Callable[[Iterable[Line]], Awaitable[bool]]) -> None:
        """All of it through the task. sink: takes what there is to be told, gives whether more is
        wanted. Raises QueryFailed, or BusError."""
        self._sink = sink
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
                with self._noted(int(processing_times[at]), int(processing_times[end - 1])):
                    self._take(functools.partial(step, at, end))
                at = end
            elif due is not None:
                with self._noted(due, due):
                    self._take(functools.partial(run.advance, due))
            await self._answered(int(processing_times[min(at, n - 1)]))
            await self._written()

    def _take(self, step: Callable[[], Sequence[Effect]]) -> None:
        try:
            self._lines += self._findings.take(step())
        except TaskFailed as error:
            self._findings.fail(str(error))
        if self._findings.failed:
            raise TaskFailed(self._findings.failed)

    @contextlib.contextmanager
    def _noted(self, first: int, last: int) -> Iterator[None]:
        """As DryRun.noted; where a step took too long, the task has ended. Raises TaskFailed."""
        try:
            with self._dry.noted(first, last):
                yield
        except TaskFailed as error:
            self._findings.fail(str(error))
            raise

    async def _answered(self, now: int) -> None:
        """Wait for what nodes have asked of something outside."""
        try:
            effects = await self._dry.answers(now)
        except TaskFailed as error:
            self._findings.fail(str(error))
            raise
        self._take(lambda: effects)

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
