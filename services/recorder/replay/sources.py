"""Batches through a replay's task: those of each query node as its source has them, all of them in order of time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

import numpy as np

from services.columns.column import IntArray
from services.columns.frame import Batches
from services.columns.groups.series import SeriesTable
from services.connectors.influxdb_results import NO_TIME, Batch, alike, together
from services.recorder.record.archive import Archive, Contents
from services.recorder.record.batches import GatheredBatches, batches
from services.recorder.record.queries import TaskQuery
from services.recorder.replay.clock import ReplayClock
from services.runtime.effects import Effect
from services.runtime.task import TaskRun

_GO_BYTES = 2 << 20
_AT_ONCE = 1000  # batches


class BatchDriver(Protocol):
    """What takes batches in for a task under way."""

    @property
    def run(self) -> TaskRun: ...

    async def through(
        self,
        processing_times: IntArray,
        clock: ReplayClock,
        step: Callable[[int, int], Sequence[Effect]],
        most: int = 1 << 30,
    ) -> None:
        """Take n of them in, each when the clock has come to it: see ReplayDriver.through."""


class BatchSource:
    """The batches of one query node, as the replay's clock has them.

    The node's first point is at the clock's zero, whatever the other nodes have. A batch comes when its last point
    does; its time is not before that. An empty batch comes at once; it has the time of the one before where it has
    none of its own.
    """

    def __init__(self, query: str, found: AsyncIterator[Batches], clock: ReplayClock) -> None:
        """query: the node's name."""
        self.query = query
        self.clock = clock
        self._found = found
        self._batches: Batches | None = None
        self._processing_times: IntArray = np.empty(0, dtype=np.int64)
        self._keys = self._processing_times
        self._tmax = self._processing_time = NO_TIME  # of the latest batch

    async def fill(self) -> bool:
        """See to it that there are batches; False: no more will come. Raises what the source raises."""
        while not len(self._processing_times):
            found = await anext(self._found, None)
            if found is None:
                return False
            self._batches = self._timed(found)
        return True

    def key(self) -> int:
        """The place of the next batch among those of other sources."""
        return int(self._keys[0])

    def take(self, key: int | None, first: bool) -> tuple[Batches, IntArray]:
        """The next batch and those behind it as far as `key` (None: all that are here), and when each comes.

        first: whether one whose place is `key` itself is among them.
        """
        assert self._batches is not None
        n = len(self._processing_times)
        if key is not None:
            n = max(1, int(np.searchsorted(self._keys, key, "right" if first else "left")))
        taken, processing_times = part(self._batches, 0, n), self._processing_times[:n]
        self._batches = part(self._batches, n, len(self._processing_times))
        self._processing_times, self._keys = self._processing_times[n:], self._keys[n:]
        return taken, processing_times

    def _timed(self, found: Batches) -> Batches:
        """Batches at their times in the replay."""
        full = found.lengths() > 0
        before = np.cumsum(full) == 0 if not self.clock.begun else np.zeros(len(full), dtype=np.bool_)
        time = found.points.time
        if full.any():
            self.clock.begin(int(time[found.offsets[:-1][full][0]]))
        time = self.clock.times(time)
        last = np.full(len(found), NO_TIME, dtype=np.int64)
        last[full] = time[found.offsets[1:][full] - 1]
        tmax = self._filled(np.maximum(found.tmax, last))
        # on the real clock empty batches do not count, but for those that come before all others
        own = np.where(before, tmax, last) if self.clock.real else tmax
        processing_times = np.maximum.accumulate(np.concatenate([[self._processing_time], own]))[1:]
        self._tmax, self._processing_time = int(tmax[-1]), int(processing_times[-1])
        points = found.points.with_time(time)
        timed = Batches(points, found.offsets, found.group, found.names, tmax, found.dimensions, found.origin)
        some = np.flatnonzero(tmax != NO_TIME)
        keys = np.where(before, NO_TIME, self.clock.walls(processing_times)) if self.clock.real else processing_times
        self._processing_times, self._keys = processing_times[some], keys[some]
        return timed if len(some) == len(found) else timed.select(some)

    def _filled(self, tmax: IntArray) -> IntArray:
        """Times of batches, those of the ones before where they have none."""
        known = np.where(tmax != NO_TIME, np.arange(len(tmax)), -1)
        place = np.maximum.accumulate(known)
        filled: IntArray = np.where(place >= 0, tmax[place], self._tmax)
        return filled


async def play_batches(driver: BatchDriver, sources: Sequence[BatchSource], done: Callable[[int], None]) -> None:
    """All batches of all sources. done: told how many points are through, again and again.

    Raises TaskFailed where the task ends, and what the sources raise.
    """
    seq = 1
    while True:
        ready = [(source.key(), i) for i, source in enumerate(sources) if await source.fill()]
        if not ready:
            return
        # of two in the same place the first query node's goes first
        (_, i), other = min(ready), sorted(ready)[1:2]
        source = sources[i]
        taken, processing_times = source.take(other[0][0], i < other[0][1]) if other else source.take(None, True)
        await driver.through(
            processing_times, source.clock, _feeding(driver, source.query, taken, processing_times, seq, done), _AT_ONCE
        )
        seq += len(taken)


async def recorded(
    archive: Archive, contents: Contents, stream: int, table: SeriesTable
) -> AsyncGenerator[Batches, None]:
    """The batches of one query node in a recording, the empty ones left out. Raises ValueError where it is damaged."""
    numbers = [number for number, chunk in enumerate(contents.chunks) if chunk.seq == stream]
    async with aclosing(archive.read(contents, lambda plain: plain, numbers)) as chunks:
        async for _, plain in chunks:
            for run in batches(plain, table):
                full = np.flatnonzero(run.lengths() > 0)
                if len(full):
                    yield run if len(full) == len(run) else run.select(full)


async def asked(
    query: TaskQuery, table: SeriesTable, reached: Callable[[float], None]
) -> AsyncGenerator[Batches, None]:
    """What a query node asks for. reached: told how much of its time is through, 0 to 1. Raises QueryFailed."""
    for tick in query.ticks():
        async with aclosing(query.answer(tick)) as found, aclosing(in_runs(found, table)) as runs:
            async for run in runs:
                yield run
        reached(query.share(tick))


async def in_runs(found: AsyncIterator[Batch], table: SeriesTable) -> AsyncGenerator[Batches, None]:
    """Batches put together as they come, not too many at once."""
    gathered = GatheredBatches(0)
    async for batch in found:
        gathered.add(batch)
        if gathered.bytes >= _GO_BYTES:
            for run in alike(gathered.batches):
                yield together(run, table)
            gathered = GatheredBatches(0)
    for run in alike(gathered.batches):
        yield together(run, table)


def part(batches: Batches, begin: int, end: int) -> Batches:
    """Some batches that follow each other."""
    whole = begin == 0 and end == len(batches)
    return batches if whole else batches.select(np.arange(begin, end, dtype=np.intp))


def _feeding(
    driver: BatchDriver, query: str, taken: Batches, processing_times: IntArray, seq: int, done: Callable[[int], None]
) -> Callable[[int, int], Sequence[Effect]]:
    def step(at: int, end: int) -> Sequence[Effect]:
        some = part(taken, at, end)
        effects = driver.run.feed(query, some, seq + at, processing_times[at:end])
        done(len(some.points))
        return effects

    return step
