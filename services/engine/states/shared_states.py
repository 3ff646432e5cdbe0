"""The states of tasks on the bus, for other workers and for backups: a snapshot each, and beside it its chunks.

Who takes up a task puts its chunks under a new mark, which the snapshot tells. So none relies on chunks that another,
which does not know yet that the task is no longer its own, may be about to delete; what others have left is deleted
once a snapshot is there that does not need it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace

from services.bus.buckets.chunks import ChunkBucket
from services.bus.buckets.objects import Objects
from services.bus.connection import Bus
from services.bus.subjects import escape
from services.store.snapshots import Snapshot, from_bytes, to_bytes

_STORE = "states"
_MARK = "pieces"
_AT_ONCE = 4  # chunks of a task under way at once


class SharedStates:
    """What workers have brought to the bus."""

    def __init__(self, objects: Objects, chunks: ChunkBucket) -> None:
        self._objects, self._chunks = objects, chunks
        self._marks: dict[str, str] = {}  # ours by task
        self._ours: dict[str, dict[bytes, list[int]]] = {}  # chunks of ours by task: what to delete them by
        self._others: dict[str, set[str]] = {}  # marks of others that there are chunks under, by task

    @classmethod
    async def open(cls, bus: Bus, replicas: int) -> SharedStates:
        """Make the store where it is not there."""
        return cls(await bus.objects(_STORE, replicas=replicas), bus.chunks(_STORE))

    async def learn(self) -> None:
        """See of which tasks others have left chunks."""
        marks = await self._chunks.marks()
        self._others = {task: left for task, found in marks.items() if (left := found - {self._marks.get(task)})}

    def begin(self, task: str) -> None:
        """A task is taken up here: what was put before, even by this process, may be deleted by others."""
        name = escape(task)
        before = self._marks.pop(name, None)
        if self._ours.pop(name, None) and before is not None:
            self._others.setdefault(name, set()).add(before)

    async def put(self, task: str, snapshot: Snapshot, digests: set[bytes], get: Callable[[bytes], bytes]) -> None:
        """Bring a state to the bus: whoever reads meanwhile finds the one before. BusError where that fails."""
        name = escape(task)
        ours = self._ours.setdefault(name, {})
        mark = self._marks.setdefault(name, secrets.token_hex(4))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def put(digest: bytes) -> None:
            async with gate:
                ours[digest] = await self._chunks.put(name, mark, digest, get(digest))

        for result in await asyncio.gather(*(put(d) for d in digests - ours.keys()), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        meta = snapshot.meta | ({_MARK: mark} if digests else {})
        await self._objects.put(name, to_bytes(replace(snapshot, meta=meta)))
        for digest in ours.keys() - digests:
            await self._chunks.delete(ours[digest])
            del ours[digest]
        if not ours:
            del self._ours[name]
        for other in self._others.pop(name, ()):
            await self._chunks.drop(name, other)

    async def get(self, task: str) -> tuple[Snapshot, dict[bytes, bytes]] | None:
        """A state with its chunks, None where there is none. ValueError where it is not whole, BusError."""
        name = escape(task)
        data = await self._objects.get(name)
        if data is None:
            return None
        snapshot = from_bytes(data)
        mark = snapshot.meta.get(_MARK)
        return snapshot, await self._chunks.get(name, mark) if mark else {}

    async def delete(self, task: str) -> None:
        """Delete a state and all its chunks. BusError where that fails."""
        name = escape(task)
        await self._objects.delete(name)
        self._marks.pop(name, None)
        ours, others = self._ours.pop(name, None), self._others.pop(name, None)
        if ours or others:
            await self._chunks.drop(name)
