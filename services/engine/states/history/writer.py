"""Brings states to what is kept of their tasks, a chunk after the other, so that the bus is there for others too."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.engine.states.history import what_ran
from services.engine.states.history.fresh_state import FreshState, RunFacts
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.records import END, KeptPoint, Summary
from services.engine.states.history.task_history import TaskHistory
from services.engine.states.records import RunKey
from services.process.pools import Pool
from services.store.state_chunks import digest_of

_AT_ONCE = 4  # chunks under way
_threads = Pool("states of the past", 1)


class HistoryWriter:
    """Writes for one worker; for one caller at a time."""

    def __init__(self, bus: Bus, bucket: HistoryBucket) -> None:
        self._bus, self._bucket = bus, bucket
        self._times: tuple[WritesSeq, int] = (WritesSeq(0), 0)  # the last place that was looked up, and its time
        self._packed: tuple[str, RunKey, bytes, int] | None = None  # of the last run: digest and size of what ran

    async def load(self, task: str) -> TaskHistory:
        """What is kept of a task that was taken up. Raises BusError."""
        mark = secrets.token_hex(4)
        if await self._bucket.summary(task) is None:
            return TaskHistory(task, mark)
        points, chunks = await self._bucket.points(task), await self._bucket.chunks(task)
        return TaskHistory(task, mark, points, chunks)

    async def load_each(self, tasks: Sequence[str]) -> dict[str, TaskHistory]:
        """What is kept of each of many tasks, read at once. Raises BusError."""
        found = await self._bucket.of_each(tasks)
        return {task: TaskHistory(task, secrets.token_hex(4), *found[task]) for task in tasks}

    async def write(self, history: TaskHistory, fresh: FreshState) -> int:
        """Keep a state, unless the newest one is the same: that stands for both then. Gives bytes written.

        Raises BusError; what was kept before then still is.
        """
        newest, snapshot = history.newest, digest_of(fresh.snapshot.state)
        if newest is not None and _is_same(newest, fresh, snapshot):
            return await self._extend(history, newest, fresh)
        if newest is None:
            # whoever looks for what is left of tasks goes by summaries
            await self._bucket.put_summary(_nothing_yet(fresh))
        before = history.size
        sizes = await self._put_chunks(history, fresh)
        sizes[snapshot] = await self._put(history, snapshot, fresh.snapshot.state)
        definition, size = await self._put_run(history, fresh.run)
        sizes[definition] = size
        at = await self._time_of(fresh.position, fresh.run.key)
        point = KeptPoint(
            task=fresh.task,
            mark=history.mark,
            number=history.next_number(),
            run=fresh.run.key,
            position=fresh.position,
            until=fresh.until,
            epoch=fresh.epoch,
            time=at,
            until_time=await self._time_of(fresh.until, fresh.run.key),
            kept=time.time_ns(),
            why=fresh.why,
            snapshot=snapshot,
            definition=definition,
            chunks=sizes,
            share=fresh.run.share,
        )
        await self._bucket.put(point)
        history.add(point)
        await self.tidy(history)
        return history.size - before

    async def drop(self, history: TaskHistory, point: KeptPoint) -> int:
        """Keep a state no longer; gives the bytes that are freed with the next `tidy`. Raises BusError."""
        await self._bucket.remove(point)
        return history.drop(point)

    async def tidy(self, history: TaskHistory) -> None:
        """Delete chunks that nothing needs, and say anew what there is. Raises BusError; it can be tried again."""
        for key in list(history.unneeded):
            await self._bucket.remove_chunk(history.task, *key)
            history.unneeded.discard(key)
        summary = history.summary()
        if summary is None:
            await self._bucket.drop(history.task)
        else:
            await self._bucket.put_summary(summary)

    async def _extend(self, history: TaskHistory, newest: KeptPoint, fresh: FreshState) -> int:
        if fresh.until <= newest.until and fresh.why != END:
            return 0
        until = max(newest.until, fresh.until)
        until_time = await self._time_of(until, fresh.run.key)
        point = replace(newest, until=until, until_time=until_time, why=END if fresh.why == END else newest.why)
        await self._bucket.put(point)
        history.replace(newest, point)
        await self.tidy(history)
        return 0

    async def _put_chunks(self, history: TaskHistory, fresh: FreshState) -> dict[bytes, int]:
        gate = asyncio.Semaphore(_AT_ONCE)
        sizes: dict[bytes, int] = {}

        async def put(digest: bytes) -> None:
            async with gate:
                data = fresh.get(digest)
                sizes[digest] = await self._put(history, digest, data)

        for result in await asyncio.gather(*map(put, fresh.digests), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        return sizes

    async def _put(self, history: TaskHistory, digest: bytes, data: bytes) -> int:
        if not history.has(digest):
            await self._bucket.put_chunk(history.task, history.mark, digest, data)
            history.stored(digest)
        return len(data)

    async def _put_run(self, history: TaskHistory, run: RunFacts) -> tuple[bytes, int]:
        last = self._packed
        if last is not None and last[:2] == (history.task, run.key) and history.has(last[2]):
            return last[2], last[3]
        data = await _threads.run(what_ran.pack, run.definition, run.levels)
        digest = digest_of(data)
        self._packed = history.task, run.key, digest, await self._put(history, digest, data)
        return digest, len(data)

    async def _time_of(self, position: WritesSeq, run: RunKey) -> int:
        """When the write at a place was stored, ns; of none that is known, when the run began."""
        if position and position != self._times[0]:
            with contextlib.suppress(BusError):
                message = await self._bus.get_message(WRITES, position)
                self._times = position, 0 if message is None else message.time_ns
        known = self._times[1] if position and position == self._times[0] else 0
        return known or run.began


def _is_same(newest: KeptPoint, fresh: FreshState, snapshot: bytes) -> bool:
    same = newest.run == fresh.run.key and newest.epoch == fresh.epoch and newest.why != END
    return same and newest.snapshot == snapshot and fresh.position >= newest.position


def _nothing_yet(fresh: FreshState) -> Summary:
    place = fresh.position, fresh.run.key.began, fresh.epoch
    return Summary(fresh.task, 0, 0, 0, *place, *place, ended=False)
