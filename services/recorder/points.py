"""Points through a replay's task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import numpy as np

from services.engine.column import IntArray
from services.engine.effects import Effect
from services.engine.intake import Intake, Slice
from services.engine.task import TaskRun
from services.recorder.archive import Record
from services.recorder.stage import EARLIEST, Stage
from services.recorder.timing import ReplayClock

_GO_BYTES = 2 << 20


async def play_points(
    stage: Stage, clock: ReplayClock, chunks: AsyncIterator[Sequence[Record]], done: Callable[[int], None]
) -> None:
    """All records of some chunks, in their order. done: told how many points are through, again and again.

    Raises TaskFailed where the task ends, ValueError for what is no line protocol.
    """
    run = stage.run
    intake = Intake(run.table)
    measurements = None
    if run.measurements is not None:
        measurements = frozenset(map(intake.measurement, run.measurements))
    async for records in chunks:
        for go in _goes(records):
            database, retention_policy = go[0].database, go[0].retention_policy
            wanted = run.wants(database, retention_policy)
            if not wanted and clock.begun:
                continue
            piece, refused = intake.decode(database, retention_policy, go)
            if refused:
                raise ValueError(refused[0].error)
            if piece is None:
                continue
            clock.begin(int(piece.points.time[0]))
            times = clock.times(piece.points.time)
            if stage.now == EARLIEST:
                stage.now = int(times[0])
            if wanted:
                # a point that is late comes at once
                moments = np.maximum(np.maximum.accumulate(times), stage.now)

                await stage.through(moments, clock, _stepping(run, piece, times, moments, measurements, done))
            await asyncio.sleep(0)


def _stepping(
    run: TaskRun,
    piece: Slice,
    times: IntArray,
    moments: IntArray,
    measurements: frozenset[int] | None,
    done: Callable[[int], None],
) -> Callable[[int, int], Sequence[Effect]]:
    def step(at: int, end: int) -> Sequence[Effect]:
        effects = run.step(piece.part(at, end, times[at:end], moments[at:end]), measurements)
        done(end - at)
        return effects

    return step


def _goes(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Records in runs of one database and retention policy, and of so many bytes at most, one record at least."""
    go: list[Record] = []
    size = 0
    for record in records:
        other = bool(go) and (go[0].database, go[0].retention_policy) != (record.database, record.retention_policy)
        if other or (go and size + len(record.body) > _GO_BYTES):
            yield go
            go, size = [], 0
        go.append(record)
        size += len(record.body)
    if go:
        yield go
