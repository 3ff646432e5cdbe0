"""Points through a replay's task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import numpy as np

from services.columns.column import IntArray
from services.recorder.record.archive import RecordedWrite
from services.recorder.replay.clock import ReplayClock
from services.recorder.replay.replay_driver import EARLIEST, ReplayDriver
from services.runtime.effects import Effect
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder, LogBatch
from services.runtime.task import TaskRun

_GO_BYTES = 2 << 20


async def play_points(
    driver: ReplayDriver,
    clock: ReplayClock,
    chunks: AsyncIterator[Sequence[RecordedWrite]],
    done: Callable[[int], None],
) -> None:
    """All writes of some chunks, in their order. done: told how many points are through, again and again.

    Raises TaskFailed where the task ends, ValueError for what is no line protocol.
    """
    run = driver.run
    decoder = LineProtocolDecoder(run.table)
    measurements = None
    if run.measurements is not None:
        measurements = frozenset(map(decoder.measurement, run.measurements))
    async for writes in chunks:
        for go in _goes(writes):
            database, retention_policy = go[0].database, go[0].retention_policy
            wanted = run.wants(database, retention_policy)
            if not wanted and clock.begun:
                continue
            batch, refused = decoder.decode(database, retention_policy, go)
            if refused:
                raise ValueError(refused[0].error)
            if batch is None:
                continue
            clock.begin(int(batch.points.time[0]))
            times = clock.times(batch.points.time)
            if driver.now == EARLIEST:
                driver.now = int(times[0])
            if wanted:
                # a point that is late comes at once
                processing_times = np.maximum(np.maximum.accumulate(times), driver.now)
                await driver.through(
                    processing_times, clock, _stepping(run, batch, times, processing_times, measurements, done)
                )
            await asyncio.sleep(0)


def _stepping(
    run: TaskRun,
    batch: LogBatch,
    times: IntArray,
    processing_times: IntArray,
    measurements: frozenset[int] | None,
    done: Callable[[int], None],
) -> Callable[[int, int], Sequence[Effect]]:
    def step(at: int, end: int) -> Sequence[Effect]:
        effects = run.step(batch.part(at, end, times[at:end], processing_times[at:end]), measurements)
        done(end - at)
        return effects

    return step


def _goes(writes: Sequence[RecordedWrite]) -> Iterator[list[RecordedWrite]]:
    """Writes in runs of one database and retention policy, and of so many bytes at most, one write at least."""
    go: list[RecordedWrite] = []
    size = 0
    for write in writes:
        other = bool(go) and (go[0].database, go[0].retention_policy) != (write.database, write.retention_policy)
        if other or (go and size + len(write.body) > _GO_BYTES):
            yield go
            go, size = [], 0
        go.append(write)
        size += len(write.body)
    if go:
        yield go
