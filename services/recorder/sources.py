"""Batches through a replay's task: those of each query node as its source has them, all of them in order of time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

import numpy as np

from services.engine.column import IntArray
from services.engine.effects import Effect
from services.engine.frame import Batches
from services.engine.results import NO_TIME, Batch, alike, together
from services.engine.series import SeriesTable
from services.recorder.archive import Archive, Contents
from services.recorder.batches import GatheredBatches, batches
from services.recorder.queries import TaskQuery
from services.recorder.stage import Stage
from services.recorder.timing import ReplayClock

_GO_BYTES = 2 << 20
_AT_ONCE = 1000  # batches


class Source:
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
        self._moments: IntArray = np.empty(0, dtype=np.int64)
        self._tmax = self._moment = NO_TIME  # of the latest batch

    async def fill(self) -> bool:
        """See to it that there are batches; False: no more will come. Raises what the source raises."""
        while not len(self._moments):
            found = await anext(self._found, None)
            if found is None:
                return False
            self._batches = self._timed(found)
        return True

    def key(self) -> int:
        """The place of the next batch among those of other sources."""
        moment = int(self._moments[0])
        return self.clock.wall(moment) if self.clock.real else moment

    def take(self, key: int | None) -> tuple[Batches, IntArray]:
        """The next batch and those behind it as far as `key` (None: all that are here), and when each comes."""
        assert self._batches is not None
        n = len(self._moments)
        if key is not None:
            until = key - (self.clock.wall(0) if self.clock.real else 0)
            n = max(1, int(np.searchsorted(self._moments, until, "right")))
        taken, moments = part(self._batches, 0, n), self._moments[:n]
        self._batches = part(self._batches, n, len(self._moments))
        self._moments = self._moments[n:]
        return taken, moments

    def _timed(self, found: Batches) -> Batches:
        """Batches at their times in the replay."""
        full = found.lengths() > 0
        time = found.points.time
        if full.any():
            self.clock.begin(int(time[found.offsets[:-1][full][0]]))
        time = self.clock.times(time)
        last = np.full(len(found), NO_TIME, dtype=np.int64)
        last[full] = time[found.offsets[1:][full] - 1]
        tmax = self._filled(np.maximum(found.tmax, last))
        moments = np.maximum.accumulate(np.concatenate([[self._moment], last if self.clock.real else tmax]))[1:]
        moments = np.where(moments == NO_TIME, tmax, moments)
        self._tmax, self._moment = int(tmax[-1]), int(moments[-1])
        points = found.points.with_time(time)
        timed = Batches(points, found.offsets, found.group, found.names, tmax, found.dimensions, found.cause)
        some = np.flatnonzero(tmax != NO_TIME)
        self._moments = moments[some]
        return timed if len(some) == len(found) else timed.select(some)

    def _filled(self, tmax: IntArray) -> IntArray:
        """Times of batches, those of the ones before where they have none."""
        known = np.where(tmax != NO_TIME, np.arange(len(tmax)), -1)
        place = np.maximum.accumulate(known)
        filled: IntArray = np.where(place >= 0, tmax[place], self._tmax)
        return filled


async def play_batches(stage: Stage, sources: Sequence[Source], done: Callable[[int], None]) -> None:
    """All batches of all sources. done: told how many points are through, again and again.

    Raises TaskFailed where the task ends, and what the sources raise.
    """
    seq = 1
    while True:
        ready = [source for source in sources if await source.fill()]
        if not ready:
            return
        # of two with the same key the first goes first: the sort is stable
        ready.sort(key=Source.key)
        taken, moments = ready[0].take(ready[1].key() if len(ready) > 1 else None)
        await stage.through(
            moments, ready[0].clock, _feeding(stage, ready[0].query, taken, moments, seq, done), _AT_ONCE
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


async def asked(query: TaskQuery, table: SeriesTable, told: Callable[[float], None]) -> AsyncGenerator[Batches, None]:
    """What a query node asks for. told: how much of its time is through, 0 to 1. Raises QueryFailed."""
    for tick in query.ticks():
        async with aclosing(query.answer(tick)) as found, aclosing(in_runs(found, table)) as runs:
            async for run in runs:
                yield run
        told(query.share(tick))


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
    stage: Stage, query: str, taken: Batches, moments: IntArray, seq: int, done: Callable[[int], None]
) -> Callable[[int, int], Sequence[Effect]]:
    def step(at: int, end: int) -> Sequence[Effect]:
        some = part(taken, at, end)
        effects = stage.run.feed(query, some, seq + at, moments[at:end])
        done(len(some.points))
        return effects

    return step
