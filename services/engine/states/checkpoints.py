"""Where the state of tasks is kept: in this worker's LMDB, and on the bus as soon as another worker could take over.

What is saved together: the states that have changed, and for every task the position that it has reached. A task whose
state has not changed since it was last saved stands, with that state, at the position reached.

On the bus the two cannot be stored at once. A position therefore names the state that it goes with, by the position at
which that one was taken: the state of a run at a position is the same whoever took it.

All of it says of which epoch of the log it is. What is of writes that the log does not hold any more is not used.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.epochs import NO_MARK, Epochs, Mark
from services.bus.errors import BusError
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.subjects import escape
from services.columns.groups.portable_names import Names
from services.columns.snapshot import State
from services.engine.states.kept_states import KeptStates, TakenState, digests_of, snapshot_of, state_of, take
from services.engine.states.records import Reached, RunKey, StateHeader
from services.engine.states.shared_states import SharedStates
from services.process import log as logs
from services.process.pools import Pool
from services.store import codec
from services.store.snapshots import Snapshot
from services.store.state_chunks import ChunkKeeper, Get
from services.store.store import Store

T = TypeVar("T")
Sent = Callable[[], Awaitable[object]]

log = logs.get("engine")

_REACHED, _MARK = "reached", "mark"
_AT_ONCE = 16
_TAKING_SECONDS = 0.005  # seconds that taking states may hold up the loop, but for the last of them
_MOST_BYTES = 4 << 20  # that are taken before they are written

_threads = Pool("states of others", 2)


class SavableTask(Protocol):
    """A running task, as far as saving it goes."""

    @property
    def id(self) -> str: ...
    @property
    def enabled(self) -> EventsSeq: ...
    @property
    def began(self) -> int | None: ...
    @property
    def shard(self) -> int: ...
    @property
    def position(self) -> WritesSeq: ...

    dirty: bool

    def state(self) -> State: ...


@dataclass(frozen=True, slots=True)
class FoundState:
    """A saved state and the position at which it stands.

    names: those in the state, which are to be given numbers. here: it is the one that this worker's store has.
    """

    position: WritesSeq
    state: State
    names: list[Names]
    here: bool = False


@dataclass(frozen=True, slots=True)
class HeldState:
    """A saved state whose chunks stay as long as it is held. reached: where its run stood when it was."""

    task: str
    snapshot: Snapshot
    digests: set[bytes]
    reached: Reached


@dataclass(frozen=True, slots=True)
class _KeptState:
    """What this worker has saved of a task, whichever run it is of; state: None where it cannot be read."""

    snapshot: Snapshot
    state: State | None
    names: list[Names]


class Checkpoints:
    """Saves and finds the states of tasks, each by task id and by the sequence of the event that enabled it."""

    def __init__(self, store: Store, bus: Bus, replicas: int = 1, epochs: Epochs | None = None) -> None:
        """replicas: on how many servers of a cluster states lie. epochs: of the log that positions are in."""
        self._store, self._bus, self._replicas = store, bus, replicas
        self._epochs = epochs or Epochs()
        self._kept = KeptStates(store)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="states")
        self._opening = asyncio.Lock()
        self._saving = asyncio.Lock()  # what is kept here changes, or is read as a whole
        self._sharing = asyncio.Lock()
        self._opened: tuple[SharedStates, Bucket] | None = None
        self._reached: dict[str, Reached] = _read(store, _REACHED, _reached_of, {})
        self._saved_reached = dict(self._reached)  # as it is in the store
        self._shared: dict[str, Reached] = {}  # what the bus has, as far as is known
        self._ahead: dict[str, _KeptState | None] = {}  # what was read of tasks that are to be loaded
        self.mark = _read(store, _MARK, lambda plain: Mark(*plain), NO_MARK)
        """The last write that this worker has taken from the log, of all that was saved."""

    async def save(
        self, tasks: Iterable[SavableTask], sent: Sent, hurried: bool = True, mark: Callable[[], Mark] = lambda: NO_MARK
    ) -> None:
        """Save what has changed of these tasks, and how far all of them have come.

        tasks: one is asked for after the other, while tasks are stepped; each is saved as it is when it is given.
        sent: waits until the effects of all that was stepped are stored. A task whose state cannot be taken keeps the
        one saved before; that is logged. StoreError: what is not saved yet will not be. hurried: somebody waits for it.
        mark(): the last write that was taken from the log.
        """
        seen: list[SavableTask] = []
        self._kept.hurry(hurried)
        try:
            coming = iter(tasks)
            while await self._save_some(coming, seen, sent):
                await asyncio.sleep(0)
            await self._save_reached(seen, sent, mark())
        finally:
            self._kept.hurry(-hurried)

    async def share(self, tasks: Iterable[SavableTask]) -> None:
        """Bring to the bus what was last saved of these tasks. BusError where that fails; it can be tried again."""
        async with self._sharing:
            states, positions = await self._open()
            chosen = {t.id: t.shard for t in tasks if t.id in self._reached}
            gate = asyncio.Semaphore(_AT_ONCE)
            reached: dict[str, Reached] = {}

            async def put(id_: str) -> None:
                async with gate:
                    entry = await self._share_state(states, id_)
                    if entry is not None:
                        reached[id_] = entry

            await _all(put(id_) for id_ in chosen)
            by_shard: dict[int, dict[str, list[int]]] = {}
            for id_, entry in reached.items():
                by_shard.setdefault(chosen[id_], {})[id_] = entry.to_plain()
            await _all(positions.put(f"shard.{s}", codec.pack(entries)) for s, entries in by_shard.items())
            self._shared |= reached

    async def learn(self) -> None:
        """Ask the bus what other workers have saved, for the `load` of shards that were won."""
        async with self._sharing:
            states, positions = await self._open()
            await states.learn()
            shared: dict[str, Reached] = {}
            for entry in await positions.entries():
                try:
                    shared |= _reached_of(codec.unpack(entry.value))
                except (ValueError, TypeError, AttributeError) as e:
                    log.warn("positions on the bus cannot be read", key=entry.key, err=e)
                    self._bus.dead_letters.keep("KV_positions", entry.revision, entry.key, entry.value, None, str(e))
            self._shared = shared

    def furthest(self, epochs: Epochs) -> WritesSeq:
        """The last position that a task is known to have come to, in a log of these epochs."""
        known = (*self._reached.values(), *self._shared.values())
        return max((r.position for r in known if epochs.fits(r.position, r.epoch)), default=WritesSeq(0))

    @contextlib.asynccontextmanager
    async def read_ahead(self, tasks: Sequence[str]) -> AsyncIterator[None]:
        """What this worker has saved of these tasks is read at once, for a `load` of each within. None of them runs."""
        async with self._saving:
            self._ahead |= await self._in_writer(self._kept_of, tasks)
        try:
            yield
        finally:
            for task in tasks:
                self._ahead.pop(task, None)

    async def load(self, task: str, run: RunKey, of_log: bool = True) -> FoundState | None:
        """The newest state of a task's run, None where none was saved.

        of_log: whether the run reads the log, which then has to hold what the state comes of.
        """
        if self._opened is not None:
            self._opened[0].begin(task)
        own, shared = self._reached.get(task), self._shared.get(task)
        epochs = self._epochs if of_log else None
        kept = await self._load_kept(task)
        snapshot = None if kept is None else kept.snapshot
        here = None if snapshot is None else _position(snapshot, run, own, epochs)
        best = -1 if here is None else here
        if shared is not None and shared.enabled == run.enabled and shared.position > best:
            found = await self._load_shared(task, run, shared, epochs)
            if found is not None and found.position > best:
                return found
        if kept is None or here is None:
            if epochs is not None and self._is_of_another_log(task, run, snapshot):
                log.error("a task starts over: its saved state is of writes that the log has no more", task=task)
                # what is saved next is another state, at whatever position
                self._reached.pop(task, None)
                self._shared.pop(task, None)
            return None
        if kept.state is None:
            return None
        return FoundState(here, kept.state, kept.names, own is not None and own.enabled == run.enabled)

    def reached(self, task: str) -> Reached | None:
        """How far a task had come when it was last saved here, None where it was not."""
        return self._reached.get(task)

    async def hold(self, tasks: Iterable[str]) -> dict[str, HeldState]:
        """What is saved of these tasks now, as far as anything is; each is to be `let_go`, whatever is saved later."""
        found: dict[str, HeldState] = {}
        async with self._saving:
            for task in tasks:
                reached = self._reached.get(task)
                snapshot = None if reached is None else await self._in_writer(self._kept.load, task)
                if reached is None or snapshot is None:
                    continue
                digests = digests_of(snapshot)
                self._kept.pin(digests)
                found[task] = HeldState(task, snapshot, digests, reached)
        return found

    async def let_go(self, held: HeldState) -> None:
        """Its chunks need not stay for it any more."""
        async with self._saving:
            self._kept.unpin(held.digests)

    async def made(self, fresh: TakenState, keeper: ChunkKeeper) -> Snapshot:
        """The snapshot of a state that was taken, its chunks given to another keeper than what is saved here.

        keeper: used in the thread that saves. Raises what the state cannot be kept for.
        """
        return await self._in_writer(snapshot_of, fresh, keeper)

    def chunk(self, digest: bytes) -> bytes:
        """A chunk of a state that is held. ValueError where it is not there."""
        return self._kept.get(digest)

    async def drop(self, task: str) -> None:
        """Forget a task that runs no more."""
        async with self._saving:
            await self._in_writer(self._kept.drop, task)
            self._ahead.pop(task, None)
            self._reached.pop(task, None)
        if self._shared.pop(task, None) is not None:
            async with self._sharing:
                states, _ = await self._open()
                try:
                    await states.delete(task)
                except BusError as e:
                    log.warn("the state of a task that runs no more is left on the bus", task=task, err=e)

    async def close(self) -> None:
        """Save nothing more, and let go of the store. What is being saved is left as it was before."""
        self._kept.stop()
        await _threads.run(self._writer.shutdown, cancel_futures=True)

    async def _save_some(self, coming: Iterator[SavableTask], seen: list[SavableTask], sent: Sent) -> bool:
        """Save the next few tasks, as many as can be taken in a moment; whether there were any."""
        async with self._saving:
            taken: list[tuple[SavableTask, TakenState]] = []
            size, until = 0, time.monotonic() + _TAKING_SECONDS
            for task in coming:
                seen.append(task)
                if task.dirty and (fresh := self._take(task)) is not None:
                    task.dirty = False
                    self._ahead.pop(task.id, None)
                    taken.append((task, fresh))
                    size += fresh.size
                if size >= _MOST_BYTES or time.monotonic() >= until:
                    break
            else:
                if not taken:
                    return False
            try:
                # what was stepped until now counts, what is stepped meanwhile is of the next save
                await sent()
                failed = await self._in_writer(self._kept.write, [fresh for _, fresh in taken])
            except BaseException:
                for task, _ in taken:
                    task.dirty = True
                raise
            for task, fresh in taken:
                if fresh.task in failed:
                    task.dirty = True
                else:
                    position, header = fresh.position, StateHeader.from_plain(fresh.meta)
                    self._reached[task.id] = Reached(task.enabled, position, position, header.epoch)
            return True

    def _take(self, task: SavableTask) -> TakenState | None:
        header = StateHeader(task.enabled, task.began, self._epochs.of(task.position))
        try:
            return take(task.id, task.position, header.to_plain(), task.state())
        except Exception as e:
            log.exception("the state of a task cannot be saved", e, task=task.id)
            return None

    async def _save_reached(self, tasks: Iterable[SavableTask], sent: Sent, mark: Mark) -> None:
        """Save how far tasks have come: those that have not changed since they were saved stand where they are now."""
        async with self._saving:
            reached = dict(self._reached)
            for task in tasks:
                entry = reached.get(task.id)
                if entry is None or task.dirty or entry.enabled != task.enabled:
                    continue
                if task.position > entry.position:
                    reached[task.id] = replace(entry, position=task.position, epoch=self._epochs.of(task.position))
            if reached == self._saved_reached:
                return
            await sent()
            packed = codec.pack({task: e.to_plain() for task, e in reached.items()})
            await self._in_writer(self._write_reached, packed, mark)
            self._reached, self._saved_reached = reached, dict(reached)
            self.mark = mark if mark.seq else self.mark

    def _write_reached(self, packed: bytes, mark: Mark) -> None:
        with self._store.write() as tx:
            tx.put(_REACHED, _REACHED, packed)
            if mark.seq:
                tx.put(_REACHED, _MARK, codec.pack(tuple(mark)))

    async def _share_state(self, states: SharedStates, id_: str) -> Reached | None:
        """Bring one state to the bus unless it is there; gives what can be said of it."""
        entry = self._reached.get(id_)
        if entry is None or entry.has_state_of(self._shared.get(id_)):
            return entry
        held = (await self.hold([id_])).get(id_)
        if held is None:
            return None
        try:
            await states.put(id_, held.snapshot, held.digests, self._kept.get)
        finally:
            await self.let_go(held)
        return held.reached

    def _is_of_another_log(self, task: str, run: RunKey, snapshot: Snapshot | None) -> bool:
        both = (self._reached.get(task), self._shared.get(task))
        known = [r for r in both if r is not None and r.enabled == run.enabled]
        if any(not self._epochs.fits(r.position, r.epoch) for r in known):
            return True
        if snapshot is None:
            return False
        header = StateHeader.from_plain(snapshot.meta)
        return header.is_of(run) and not self._epochs.fits(snapshot.position, header.epoch)

    async def _load_shared(self, task: str, run: RunKey, reached: Reached, epochs: Epochs | None) -> FoundState | None:
        states, _ = await self._open()
        try:
            found = await states.get(task)
            if found is None:
                return None
            snapshot, chunks = found

            def get(digest: bytes) -> bytes:
                if digest not in chunks:
                    raise ValueError(f"a chunk is missing: {digest.hex()}")
                return chunks[digest]

            return await _threads.run(_found, task, snapshot, get, run, reached, epochs)
        except (ValueError, TypeError, LookupError, AttributeError) as e:
            log.warn("a state on the bus is not whole; another or the log is used instead", task=task, err=e)
            self._bus.dead_letters.keep("OBJ_states", 0, escape(task), b"", None, str(e))
            return None

    async def _load_kept(self, task: str) -> _KeptState | None:
        """What is saved of a task here. It can be had once: what is read becomes the task's own."""
        if task not in self._ahead:
            async with self._saving:
                self._ahead |= await self._in_writer(self._kept_of, [task])
        return self._ahead.pop(task)

    def _kept_of(self, tasks: Sequence[str]) -> dict[str, _KeptState | None]:
        """In the thread that has the store."""
        return {task: self._kept_state(task) for task in tasks}

    def _kept_state(self, task: str) -> _KeptState | None:
        snapshot = self._kept.load(task)
        if snapshot is None:
            return None
        names: list[Any] = []
        return _KeptState(snapshot, _state(task, snapshot, self._kept.get, names), names)

    async def _in_writer(self, work: Callable[..., T], *arguments: Any) -> T:
        """Have something done in the thread that has the store; it is waited for even by who is cancelled."""
        doing = asyncio.get_running_loop().run_in_executor(self._writer, work, *arguments)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            self._kept.hurry(1)
            try:
                with contextlib.suppress(Exception):
                    await doing
            finally:
                self._kept.hurry(-1)
            raise

    async def _open(self) -> tuple[SharedStates, Bucket]:
        async with self._opening:
            if self._opened is None:
                states = await SharedStates.open(self._bus, self._replicas)
                self._opened = states, await self._bus.bucket("positions", replicas=self._replicas)
            return self._opened


def _read(store: Store, key: str, made_of: Callable[[Any], T], otherwise: T) -> T:
    """What is kept beside the states; without it they stand where they were taken."""
    try:
        raw = store.get(_REACHED, key)
        return otherwise if raw is None else made_of(codec.unpack(raw))
    except (ValueError, TypeError, AttributeError) as e:
        log.warn("how far tasks have come cannot be read, more of the log is read again", file=store.path, err=e)
        return otherwise


def _reached_of(plain: Any) -> dict[str, Reached]:
    return {task: Reached.from_plain(entry) for task, entry in plain.items()}


def _position(snapshot: Snapshot, run: RunKey, reached: Reached | None, epochs: Epochs | None) -> WritesSeq | None:
    return StateHeader.from_plain(snapshot.meta).stands_at(WritesSeq(snapshot.position), run, reached, epochs)


def _found(
    task: str, snapshot: Snapshot, get: Get, run: RunKey, reached: Reached | None, epochs: Epochs | None
) -> FoundState | None:
    position = _position(snapshot, run, reached, epochs)
    names: list[Any] = []
    state = None if position is None else _state(task, snapshot, get, names)
    return None if position is None or state is None else FoundState(position, state, names)


def _state(task: str, snapshot: Snapshot, get: Get, names: list[Any]) -> State | None:
    try:
        return state_of(snapshot, get, names)
    except ValueError as e:
        log.warn("a saved state cannot be read; the log is replayed instead", task=task, err=e)
        return None


async def _all(works: Iterable[Awaitable[object]]) -> None:
    """Wait for all of them, then raise what the first of them failed with."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
