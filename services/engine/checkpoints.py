"""Where the state of tasks is kept: in this worker's LMDB, and on the bus as soon as another worker could take over.

What is saved together: the states that have changed, and for every task the position that it has reached. A task whose
state has not changed since it was last saved stands, with that state, at the position reached.

On the bus the two cannot be stored at once. A position therefore names the state that it goes with, by the position at
which that one was taken: the state of a run at a position is the same whoever took it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.kv import Bucket
from services.bus.objects import Objects
from services.bus.subjects import escape
from services.engine.node import State
from services.store import codec
from services.store.snapshots import Snapshot, Snapshots, from_bytes, to_bytes
from services.store.store import Store

log = logs.get("engine")

_SNAPSHOTS, _REACHED = "snapshots", "reached"
_AT_ONCE = 16


class Saved(Protocol):
    """A running task, as far as saving it goes."""

    @property
    def id(self) -> str: ...
    @property
    def enabled(self) -> int: ...
    @property
    def shard(self) -> int: ...
    @property
    def position(self) -> int: ...

    dirty: bool

    def state(self) -> State: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A saved state and the position at which it stands. here: it is the one that this worker's store has."""

    position: int
    state: State
    here: bool = False


class _Reached(NamedTuple):
    """How far a task's run has come, and the position of the state that goes with it."""

    enabled: int
    position: int
    base: int


class Checkpoints:
    """Saves and finds the states of tasks, each by task id and by the sequence of the event that enabled it."""

    def __init__(self, store: Store, bus: Bus, replicas: int = 1) -> None:
        """replicas: on how many servers of a cluster states lie."""
        self._store, self._bus, self._replicas = store, bus, replicas
        self._snapshots = Snapshots(store, _SNAPSHOTS)
        self._opening = asyncio.Lock()
        self._sharing = asyncio.Lock()
        self._opened: tuple[Objects, Bucket] | None = None
        self._reached: dict[str, _Reached] = {}
        raw = store.get(_REACHED, _REACHED)
        if raw is not None:
            self._reached = {task: _Reached(*entry) for task, entry in codec.unpack(raw).items()}
        self._shared: dict[str, _Reached] = {}  # what the bus has, as far as is known

    def save(self, tasks: Iterable[Saved]) -> None:
        """Save what has changed of these tasks, and how far all of them have come. Their effects must be stored.

        A task whose state cannot be taken keeps the one saved before; that is logged. StoreError: nothing is saved.
        """
        reached = dict(self._reached)
        fresh: dict[str, bytes] = {}
        clean: list[Saved] = []
        for task in tasks:
            if task.dirty:
                try:
                    fresh[task.id] = to_bytes(
                        Snapshot(task.position, codec.pack(task.state()), {"enabled": task.enabled})
                    )
                except Exception as e:
                    log.exception("the state of a task cannot be saved", e, task=task.id)
                    continue
                clean.append(task)
                reached[task.id] = _Reached(task.enabled, task.position, task.position)
            elif task.id in reached:
                reached[task.id] = reached[task.id]._replace(position=task.position)
        if not fresh and reached == self._reached:
            return
        with self._store.write() as tx:
            for id_, data in fresh.items():
                tx.put(_SNAPSHOTS, id_, data)
            tx.put(_REACHED, _REACHED, codec.pack({task: tuple(entry) for task, entry in reached.items()}))
        self._reached = reached
        for task in clean:
            task.dirty = False

    async def share(self, tasks: Iterable[Saved]) -> None:
        """Bring to the bus what was last saved of these tasks. BusError where that fails; it can be tried again."""
        async with self._sharing:
            objects, positions = await self._open()
            chosen = {t.id: t.shard for t in tasks if t.id in self._reached}
            reached = {id_: self._reached[id_] for id_ in chosen}
            changed = [id_ for id_, entry in reached.items() if not _same_state(self._shared.get(id_), entry)]
            data = {id_: d for id_ in changed if (d := self._store.get(_SNAPSHOTS, id_)) is not None}
            gate = asyncio.Semaphore(_AT_ONCE)

            async def put(id_: str) -> None:
                async with gate:
                    await objects.put(escape(id_), data[id_])

            await _all(put(id_) for id_ in data)
            by_shard: dict[int, dict[str, tuple[int, ...]]] = {}
            for id_, shard in chosen.items():
                by_shard.setdefault(shard, {})[id_] = tuple(reached[id_])
            await _all(positions.put(f"shard.{s}", codec.pack(entries)) for s, entries in by_shard.items())
            self._shared |= reached

    async def learn(self) -> None:
        """Ask the bus what other workers have saved, for the `load` of shards that were won."""
        async with self._sharing:
            _, positions = await self._open()
            shared: dict[str, _Reached] = {}
            for entry in await positions.entries():
                try:
                    shared |= {task: _Reached(*reached) for task, reached in codec.unpack(entry.value).items()}
                except (ValueError, TypeError) as e:
                    log.warn("positions on the bus cannot be read", key=entry.key, error=str(e))
            self._shared = shared

    async def load(self, task: str, enabled: int) -> Found | None:
        """The newest state of a task's run, None where none was saved."""
        own, shared = self._reached.get(task), self._shared.get(task)
        here = own.position if own is not None and own.enabled == enabled else -1
        there = shared.position if shared is not None and shared.enabled == enabled else -1
        if shared is not None and there > here:
            objects, _ = await self._open()
            data = await objects.get(escape(task))
            found = None if data is None else _usable(task, data, enabled, shared)
            if found is not None and found.position > here:
                return found
        snapshot = self._snapshots.load(task)
        found = None if snapshot is None else _found(task, snapshot, enabled, own)
        return None if found is None else replace(found, here=own is not None and own.enabled == enabled)

    async def drop(self, task: str) -> None:
        """Forget a task that runs no more."""
        self._snapshots.drop(task)
        self._reached.pop(task, None)
        if self._shared.pop(task, None) is not None:
            objects, _ = await self._open()
            try:
                await objects.delete(escape(task))
            except BusError as e:
                log.warn("the state of a task that runs no more is left on the bus", task=task, error=str(e))

    async def _open(self) -> tuple[Objects, Bucket]:
        async with self._opening:
            if self._opened is None:
                objects = await self._bus.objects("states", replicas=self._replicas)
                self._opened = objects, await self._bus.bucket("positions", replicas=self._replicas)
            return self._opened


def _same_state(one: _Reached | None, other: _Reached) -> bool:
    return one is not None and (one.enabled, one.base) == (other.enabled, other.base)


def _usable(task: str, data: bytes, enabled: int, reached: _Reached) -> Found | None:
    try:
        return _found(task, from_bytes(data), enabled, reached)
    except ValueError as e:
        log.warn("a state on the bus is not whole", task=task, error=str(e))
        return None


def _found(task: str, snapshot: Snapshot, enabled: int, reached: _Reached | None) -> Found | None:
    if snapshot.meta.get("enabled") != enabled:
        return None
    position = snapshot.position
    if reached is not None and (reached.enabled, reached.base) == (enabled, position):
        position = max(position, reached.position)
    try:
        return Found(position, codec.unpack(snapshot.state))
    except ValueError as e:
        log.warn("a saved state cannot be read; the log is replayed instead", task=task, error=str(e))
        return None


async def _all(works: Iterable[Awaitable[object]]) -> None:
    """Wait for all of them, then raise what the first of them failed with."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
