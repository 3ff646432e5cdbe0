"""The states of the parts of a task, each of its own place in the log, brought to one place and together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from services.bus.positions import WritesSeq
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.dryrun.log_reader import ReadLog
from services.dryrun.log_run import LogRun
from services.nodes import classes
from services.process.pools import Pool
from services.runtime.errors import TaskFailed
from services.runtime.keyed.snapshot_sharing import join_snapshots

_threads = Pool("states of parts", 1)


async def brought_together(parts: Sequence[LogRun], table: SeriesTable, position: WritesSeq, read: ReadLog) -> State:
    """The state of the whole task at a place in the log, for a run with the same table; the parts are over then.

    parts: all that it is in, under way with this table, each at its place, none behind `position`. Raises TaskFailed,
    BusError, and ValueError where they do not go together.
    """
    after = min(part.position for part in parts)
    if after < position:
        await _go_on(parts, after, position, read)
    for part in parts:
        # what is joined waits for nothing outside
        await part.answers(0)
    states = [part.run.state() for part in parts]
    return await _threads.run(join_snapshots, states, parts[0].run.graph, classes(), table)


async def _go_on(parts: Sequence[LogRun], after: WritesSeq, position: WritesSeq, read: ReadLog) -> None:
    async with aclosing(read(parts[0].run.dbrps, after, position)) as reading:
        async for messages in reading:
            for part in parts:
                await part.take([message for message in messages if message.seq > part.position])
                if part.run.failure is not None:
                    raise TaskFailed(part.run.failure)
