"""States of the past on the bus: an entry for each in a bucket, a summary for each task, and chunks beside them.

Each part of a task has its own, as if it were one: what follows of tasks, by id, holds of what workers run (see
services.store.folds.layouts.Unit). The entries of all parts of one task are found together.

They are there for others than the worker that keeps them: it may be dead, and its disk gone, when somebody asks. Each
worker that takes up a task puts chunks under a mark of its own, as with the newest states (shared_states.py), so that
one which does not know yet that the task is another's deletes nothing that the other relies on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from services.bus.buckets.chunks import ChunkBucket
from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.subjects import escape, unescape
from services.engine.states.history.records import KeptPoint, Summary
from services.engine.states.history.task_history import ChunkKey
from services.process import log as logs
from services.store.folds.layouts import Unit
from services.store.state_chunks import digest_of

log = logs.get("engine")

_NAME = "history"
_TURN = 100  # entries that are read without a break
_STREAMS = ("KV_history", "OBJ_history")
_PARTS = "=parts"  # which is the escape of no name


class HistoryBucket:
    """Everything that is kept of all tasks."""

    def __init__(self, bus: Bus, entries: Bucket, chunks: ChunkBucket) -> None:
        self._bus, self._entries, self._chunks = bus, entries, chunks

    @classmethod
    async def open(cls, bus: Bus, replicas: int = 1) -> HistoryBucket:
        """Make it where it is not there. Raises BusError."""
        await bus.objects(_NAME, replicas=replicas)
        return cls(bus, await bus.bucket(_NAME, replicas=replicas), bus.chunks(_NAME))

    async def size(self) -> int:
        """Bytes that all of it takes. Raises BusError."""
        return sum([(await self._bus.stream_state(name)).bytes for name in _STREAMS])

    async def summaries(self) -> list[Summary]:
        """Of all tasks of which something is kept, by id. Raises BusError."""
        found = []
        for number, entry in enumerate(await self._entries.entries("*")):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            try:
                found.append(Summary.from_bytes(unescape(entry.key), entry.value))
            except ValueError as e:
                log.limited("history/read").warn("what is kept of a task cannot be read", key=entry.key, error=str(e))
        return sorted(found, key=lambda summary: summary.task)

    async def summary(self, task: str) -> Summary | None:
        """Of one task, None where nothing is kept. Raises BusError."""
        entry = await self._entries.get(escape(task))
        try:
            return None if entry is None else Summary.from_bytes(task, entry.value)
        except ValueError:
            return None

    async def put_summary(self, summary: Summary) -> None:
        """In place of the one before. Raises BusError."""
        await self._entries.put(escape(summary.task), summary.to_bytes())

    async def points(self, task: str) -> list[KeptPoint]:
        """All that is kept of a task, in order. What cannot be read is passed over. Raises BusError."""
        return (await self._points(f"{_prefix(task)}.>")).get(task, [])

    async def points_of_parts(self, task: str) -> list[KeptPoint]:
        """The same of all parts that a task has been in. Raises BusError."""
        found = await self._points(f"{_PARTS}.{escape(task)}.*.*.*")
        return sorted((point for points in found.values() for point in points), key=lambda point: point.order)

    async def of_each(self, tasks: Iterable[str]) -> dict[str, tuple[list[KeptPoint], set[ChunkKey]]]:
        """The `points` and `chunks` of many tasks: all that is kept is read, with a few questions. Raises BusError."""
        points, chunks = await self._points(">"), await self._chunks.digests()
        return {task: (points.get(task, []), chunks.get(escape(task), set())) for task in tasks}

    async def put(self, point: KeptPoint) -> None:
        """Keep an entry, the chunks that it names being there. Raises BusError."""
        await self._entries.put(_key(point), point.to_bytes())

    async def remove(self, point: KeptPoint) -> None:
        """Delete an entry; its chunks are left. Raises BusError."""
        await self._entries.delete(_key(point))

    async def put_chunk(self, task: str, mark: str, digest: bytes, data: bytes) -> None:
        """Raises BusError."""
        await self._chunks.put(escape(task), mark, digest, data)

    async def chunk(self, task: str, mark: str, digest: bytes) -> bytes:
        """A chunk. ValueError where it is not there or damaged, BusError."""
        data = await self._chunks.one(escape(task), mark, digest)
        if data is None or digest_of(data) != digest:
            raise ValueError(f"a chunk is missing: {digest.hex()}")
        return data

    async def chunks(self, task: str) -> set[ChunkKey]:
        """Marks and digests of all chunks that there are of a task. Raises BusError."""
        return (await self._chunks.digests(escape(task))).get(escape(task), set())

    async def remove_chunk(self, task: str, mark: str, digest: bytes) -> None:
        """Raises BusError."""
        await self._chunks.drop(escape(task), mark, digest)

    async def drop(self, task: str) -> None:
        """Delete all there is of a task. Raises BusError."""
        name = escape(task)
        for entry in await self._entries.entries(f"{_prefix(task)}.>"):
            await self._entries.delete(entry.key)
        await self._chunks.drop(name)
        await self._entries.delete(name)

    async def _points(self, keys: str) -> dict[str, list[KeptPoint]]:
        found: dict[str, list[KeptPoint]] = {}
        for number, entry in enumerate(await self._entries.entries(keys)):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            *_, name, _mark, _number = ("", "", *entry.key.split("."))
            if not name:
                continue  # a summary
            try:
                point = KeptPoint.from_bytes(unescape(name), entry.value)
                found.setdefault(point.task, []).append(point)
            except ValueError as e:
                log.limited("history/read").warn("a state of the past cannot be read", key=entry.key, error=str(e))
        for points in found.values():
            points.sort(key=lambda point: point.order)
        return found


def _prefix(task: str) -> str:
    """Of the keys of entries."""
    whole = Unit.of_id(task).task
    return escape(task) if whole == task else f"{_PARTS}.{escape(whole)}.{escape(task)}"


def _key(point: KeptPoint) -> str:
    return f"{_prefix(point.task)}.{point.mark}.{point.number}"
