"""What is not kept any more: what the log does not reach back to, and what is over the bound of bytes."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Mapping

from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.records import Summary
from services.engine.states.history.task_history import TaskHistory
from services.engine.states.history.thinning import least_needed
from services.engine.states.history.writer import HistoryWriter
from services.process import log as logs

log = logs.get("engine")

_ROOM = 0.9  # of the bound is left after thinning, so that it is not done for each state


class Retention:
    """Sees to what one worker's tasks keep, and to what is kept of tasks of its shards that do not run any more."""

    def __init__(
        self,
        bus: Bus,
        bucket: HistoryBucket,
        writer: HistoryWriter,
        under_way: Mapping[str, TaskHistory],
        epochs: Epochs,
        most_bytes: int,
        is_ours: Callable[[str], bool],
        exists: Callable[[str], bool],
    ) -> None:
        """under_way: of tasks, and parts of tasks, that run here, by id, at any time. most_bytes: for all tasks of all
        workers; 0: any.

        is_ours(id): whether its shard is this worker's. exists(id): whether there is such a task, enabled or not, or
        its run is in such a part.
        """
        self._bus, self._bucket, self._writer = bus, bucket, writer
        self._under_way, self._epochs, self._most_bytes = under_way, epochs, most_bytes
        self._is_ours, self._exists = is_ours, exists

    async def look(self) -> None:
        """Drop what need not be kept. Raises BusError; it can be done again."""
        first = WritesSeq((await self._bus.stream_state(WRITES)).first_seq)
        summaries = await self._bucket.summaries()
        ours = [summary for summary in summaries if self._is_ours(summary.task)]
        left: list[Summary] = []  # of tasks that do not run here
        for summary in ours:
            history = self._under_way.get(summary.task)
            if history is None:
                left.append(summary)
                if not self._is_in_reach(summary, first):
                    await self._drop_out_of_reach(await self._writer.load(summary.task), first)
            else:
                await self._drop_out_of_reach(history, first)
        await self._thin(summaries, left)

    def _is_in_reach(self, summary: Summary, first: WritesSeq) -> bool:
        return summary.states > 0 and summary.oldest >= first and summary.fits(self._epochs)

    async def _drop_out_of_reach(self, history: TaskHistory, first: WritesSeq) -> None:
        gone = history.out_of_reach(first, self._epochs, self._exists(history.task))
        for point in gone:
            await self._writer.drop(history, point)
        if gone or not history.points:
            await self._writer.tidy(history)

    async def _thin(self, summaries: Iterable[Summary], left: Iterable[Summary]) -> None:
        """Free this worker's share of what is too much: as large a part of it as its tasks have of all."""
        size = await self._bucket.size() if self._most_bytes else 0
        if size <= self._most_bytes:
            return
        ours = sum(history.size for history in self._under_way.values()) + sum(summary.size for summary in left)
        everything = max(sum(summary.size for summary in summaries), ours, 1)
        free = (size - self._most_bytes * _ROOM) * ours / everything
        dropped = await self._drop_least_needed([s for s in left if s.states > 1], free)
        log.debug("states of the past were thinned out", size=size, bound=self._most_bytes, dropped=dropped)

    async def _drop_least_needed(self, left: Iterable[Summary], free: float) -> int:
        """Of whichever task keeps most, again and again, until so many bytes are free; gives how many states."""
        sizes = [(-history.size, id) for id, history in self._under_way.items() if len(history.points) > 1]
        sizes += [(-summary.size, summary.task) for summary in left]
        heapq.heapify(sizes)
        changed: dict[str, TaskHistory] = {}
        dropped, now = 0, time.time_ns()
        while free > 0 and sizes:
            _, task = heapq.heappop(sizes)
            history = changed.get(task) or self._under_way.get(task) or await self._writer.load(task)
            changed[task] = history
            point = least_needed(history.points, now)
            if point is None:
                continue
            free -= await self._writer.drop(history, point)
            heapq.heappush(sizes, (-history.size, task))
            dropped += 1
            await asyncio.sleep(0)
        for history in changed.values():
            await self._writer.tidy(history)
        return dropped
