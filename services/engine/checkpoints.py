"""Where the state of tasks is kept: in this worker's LMDB, and on the bus as soon as another worker could take over.

What is saved together: the states that have changed, and for every task the position that it has reached. A task whose
state has not changed since it was last saved stands, with that state, at the position reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services import log as logs
from services.bus.connection import Bus
from services.bus.kv import Bucket
from services.bus.objects import Objects
from services.bus.subjects import escape
from services.engine.node import State
from services.store import codec
from services.store.snapshots import Snapshot, Snapshots, from_bytes, to_bytes
from services.store.store import Store

log = logs.get("engine")

_REACHED = "reached"
_AT_ONCE = 16


class Saved(Protocol):
    """A running task, as far as saving it goes."""

    @property
    def id(self) -> str: ...
    @property
    def enabled(self) -> int: ...
    @property
    def shard(self) -> int: ...

    position: int
    dirty: bool

    def state(self) -> State: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A saved state and the position at which it stands."""

    position: int
    state: State


class Checkpoints:
    """Saves and finds the states of tasks, each by task id and by the sequence of the event that enabled it."""

    def __init__(self, store: Store, bus: Bus, shared: Callable[[], bool]) -> None:
        """shared(): whether other workers live, so that states have to be on the bus too."""
        self._store = store
        self._snapshots = Snapshots(store)
        self._bus = bus
        self._shared = shared
        self._was_shared = False
        self._objects: Objects | None = None
        self._positions: Bucket | None = None
        self._reached: dict[str, tuple[int, int]] = {}
        raw = store.get(_REACHED, _REACHED)
        if raw is not None:
            self._reached = {task: (enabled, position) for task, (enabled, position) in codec.unpack(raw).items()}

    async def save(self, tasks: Sequence[Saved]) -> None:
        """Save what has changed of these tasks, and how far all of them have come. Their effects must be stored."""
        shared = self._shared()
        fresh = [t for t in tasks if t.dirty or (shared and not self._was_shared)]
        snapshots = [(t.id, _snapshot(t)) for t in fresh]
        for task in fresh:
            task.dirty = False
        for task in tasks:
            self._reached[task.id] = (task.enabled, task.position)
        with self._store.write() as tx:
            for id_, snapshot in snapshots:
                tx.put("snapshots", id_, to_bytes(snapshot))
            tx.put(_REACHED, _REACHED, codec.pack(self._reached))
        if shared:
            await self._save_on_bus(snapshots, tasks)
        self._was_shared = shared

    async def load(self, task: str, enabled: int, shard: int) -> Found | None:
        """The newest state of a task's run, None where none was saved."""
        own = self._usable(self._snapshots.load(task), enabled, self._reached.get(task))
        other = await self._from_bus(task, enabled, shard)
        found = [f for f in (own, other) if f is not None]
        return max(found, key=lambda f: f.position, default=None)

    def drop(self, task: str) -> None:
        """Forget a task that runs no more."""
        self._snapshots.drop(task)
        self._reached.pop(task, None)

    def _usable(self, snapshot: Snapshot | None, enabled: int, reached: Sequence[int] | None) -> Found | None:
        if snapshot is None or snapshot.meta.get("enabled") != enabled:
            return None
        position = snapshot.position
        if reached is not None and reached[0] == enabled:
            position = max(position, reached[1])
        try:
            return Found(position, codec.unpack(snapshot.state))
        except ValueError as e:
            log.warn("a saved state cannot be read; the log is replayed instead", error=str(e))
            return None

    async def _save_on_bus(self, snapshots: Iterable[tuple[str, Snapshot]], tasks: Sequence[Saved]) -> None:
        """States first, then positions: a position must not stand before the state that belongs to it."""
        objects, positions = await self._open()
        gate = asyncio.Semaphore(_AT_ONCE)

        async def put(id_: str, snapshot: Snapshot) -> None:
            async with gate:
                await objects.put(escape(id_), to_bytes(snapshot))

        await asyncio.gather(*(put(id_, snapshot) for id_, snapshot in snapshots))
        by_shard: dict[int, dict[str, tuple[int, int]]] = {}
        for task in tasks:
            by_shard.setdefault(task.shard, {})[task.id] = (task.enabled, task.position)
        await asyncio.gather(*(positions.put(f"shard.{s}", codec.pack(of)) for s, of in by_shard.items()))

    async def _from_bus(self, task: str, enabled: int, shard: int) -> Found | None:
        objects, positions = await self._open()
        data = await objects.get(escape(task))
        if data is None:
            return None
        entry = await positions.get(f"shard.{shard}")
        reached = None if entry is None else codec.unpack(entry.value).get(task)
        try:
            return self._usable(from_bytes(data), enabled, reached)
        except ValueError as e:
            log.warn("a state on the bus is not whole", task=task, error=str(e))
            return None

    async def _open(self) -> tuple[Objects, Bucket]:
        if self._objects is None or self._positions is None:
            self._objects = await self._bus.objects("states")
            self._positions = await self._bus.bucket("positions")
        return self._objects, self._positions


def _snapshot(task: Saved) -> Snapshot:
    return Snapshot(task.position, codec.pack(task.state()), {"enabled": task.enabled})
