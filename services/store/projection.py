"""Folding a log into state: kept in memory, saved behind in LMDB with the position it stands for.

    def fold(state: State, event: Event) -> None:
        if event.what == "deleted":
            state.delete("tasks", event.id)
        else:
            state.put("tasks", event.id, event.data)

    projection = Projection(store, fold, "EVENTS")
    await projection.start(bus, ["tickbus.event.task.>"], decode)     # returns once it has caught up
    seq = (await bus.publish(…)).seq
    await projection.reached(seq)                                       # now it shows what was published
    projection.state.get("tasks", "cpu_alert")

The fold must depend on nothing but state and event, and must put new values instead of changing old ones: then the
same log gives the same state, wherever a start begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from services import log
from services.store import codec
from services.store.errors import StoreError
from services.store.store import Store

_log = log.get("store")

E = TypeVar("E")

SAVE_SECONDS = 1.0
_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Change:
    """One key that an event changed. before, after: its values, None where it had or has none. seq: of the event."""

    bucket: str
    key: str
    before: Any
    after: Any
    seq: int


class LogState(Protocol):
    """What has to be known of a log: which one it is, and where it ends."""

    @property
    def created(self) -> str: ...
    @property
    def last_seq(self) -> int: ...


class Feed(Protocol):
    """A log being read. Its messages have a `seq`."""

    @property
    def pending(self) -> int: ...
    async def lag(self) -> int: ...
    async def batch(self) -> Sequence[Any]: ...


class Source(Protocol):
    """Where logs are read: services.bus.connection.Bus is one."""

    def follow(self, stream: str, subjects: Sequence[str], after: int) -> AbstractAsyncContextManager[Feed]: ...
    async def stream_state(self, stream: str) -> LogState: ...


class State:
    """Named buckets of keys and values, as the fold sees and changes them. Values: what the codec takes, not None."""

    def __init__(self) -> None:
        self._buckets: dict[str, dict[str, Any]] = {}
        self._journal: list[tuple[str, str, Any]] = []

    def get(self, bucket: str, key: str) -> Any:
        """A value, None where there is none."""
        return self._buckets.get(bucket, _EMPTY).get(key)

    def bucket(self, bucket: str) -> Mapping[str, Any]:
        """All keys and values of a bucket, read only, in no particular order."""
        return MappingProxyType(self._buckets.get(bucket, {}))

    def put(self, bucket: str, key: str, value: Any) -> None:
        """Set a key."""
        if value is None:
            raise ValueError("None is no value: delete the key")
        entries = self._buckets.setdefault(bucket, {})
        self._journal.append((bucket, key, entries.get(key)))
        entries[key] = value

    def delete(self, bucket: str, key: str) -> None:
        """Delete a key; one that is not there is no error."""
        entries = self._buckets.get(bucket)
        if entries is not None and key in entries:
            self._journal.append((bucket, key, entries.pop(key)))

    def _undo(self) -> None:
        """Take back what was changed since the journal was last emptied."""
        for bucket, key, before in reversed(self._journal):
            if before is None:
                self._buckets[bucket].pop(key, None)
            else:
                self._buckets[bucket][key] = before
        self._journal = []

    def _changes(self, seq: int) -> list[Change]:
        """What was changed since the journal was last emptied, one change per key; empties it."""
        first: dict[tuple[str, str], Any] = {}
        for bucket, key, before in self._journal:
            first.setdefault((bucket, key), before)
        self._journal = []
        return [Change(bucket, key, before, self.get(bucket, key), seq) for (bucket, key), before in first.items()]


class Projection(Generic[E]):
    """A fold over one stream, with its state in memory and in a store. One event loop uses it."""

    def __init__(
        self,
        store: Store,
        fold: Callable[[State, E], None],
        stream: str,
        save_seconds: float = SAVE_SECONDS,
        name: str | None = None,
    ) -> None:
        """name: under which the store keeps it; the stream's unless the store has two folds of one stream."""
        self._store = store
        self._fold = fold
        self._stream = stream
        self._name = name or stream
        self._save_seconds = save_seconds
        self.state = State()
        self._position = 0
        self._log_id = ""
        self._skipped = 0
        self._dirty: dict[tuple[str, str], Any] = {}
        self._saved_position = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._listeners: list[Callable[[list[Change]], None]] = []
        self._following: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def position(self) -> int:
        """Sequence of the last event folded, 0 for none."""
        return self._position

    @property
    def skipped(self) -> int:
        """Messages since the start that could not be decoded or folded; each was logged."""
        return self._skipped

    def on_change(self, listener: Callable[[list[Change]], None]) -> None:
        """Call with the changes of each batch of events, after they are in the state. It must not block or raise."""
        self._listeners.append(listener)

    async def start(self, source: Source, subjects: Sequence[str], decode: Callable[[Any], E]) -> None:
        """Open what was saved, follow the log from there, and return once its present end is reached.

        decode: makes an event of a message; a ValueError means that it is none, it is then logged and skipped, like
        an event that the fold fails on. Raises what the source raises while the log cannot be asked for its state.
        """
        state = await source.stream_state(self._stream)
        self.load(state.created, state.last_seq)
        caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        following = self._following = asyncio.create_task(self._follow(source, subjects, decode, caught_up))
        following.add_done_callback(self._ended)
        self._saving = asyncio.create_task(self._keep_saving())
        await asyncio.wait([caught_up, following], return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()

    async def stop(self) -> None:
        """Follow no more, and save. Where that fails, the next start reads so much more of the log."""
        self._stopping.set()
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self._saving is not None:
            await self._saving
        try:
            self.save()
        except StoreError as error:
            _log.warn("state cannot be saved, it is rebuilt from the log", stream=self._stream, err=error)

    async def reached(self, seq: int, timeout: float | None = None) -> None:
        """Wait until the event with this sequence is in the state. TimeoutError after so many seconds."""
        if self._position >= seq:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (seq, next(self._numbers), future))
        await asyncio.wait_for(future, timeout)

    def load(self, log_id: str, last_seq: int) -> None:
        """Begin with what the store has, unless it comes from another log than this one or is not whole.

        log_id: tells one log from another of the same name. last_seq: where the log ends.
        """
        self._log_id = log_id
        try:
            with self._store.read() as tx:
                position, saved_id = tx.position_of(self._name)
                self.state = State()
                for name in self._store.buckets():
                    owner, slash, bucket = name.partition("/")
                    if slash and owner == self._name:
                        entries = {_text(key): codec.unpack(value) for key, value in tx.items(name)}
                        self.state._buckets[bucket] = entries
        except ValueError as error:
            _log.warn("saved state is not whole, it is rebuilt from the log", file=self._store.path, err=error)
            position, saved_id = 0, ""
        if position and (saved_id != log_id or position > last_seq):
            _log.warn("saved state belongs to another log, it is rebuilt", file=self._store.path, stream=self._stream)
            position = 0
        self._position = self._saved_position = position
        if not position:
            self._forget()

    def apply(self, events: Sequence[tuple[int, E]]) -> None:
        """Fold events, given with their sequences in rising order, and tell who waits or listens."""
        changes: list[Change] = []
        for seq, event in events:
            if seq <= self._position:
                continue
            try:
                self._fold(self.state, event)
            except Exception as error:
                self.state._undo()
                self._skip("an event cannot be folded", seq, error)
            self._position = seq
            changes += self.state._changes(seq)
        self._dirty |= {(change.bucket, change.key): change.after for change in changes}
        self._tell(changes)

    def save(self) -> None:
        """Write what has changed since, and the position, in one transaction. StoreError where it cannot."""
        if self._position == self._saved_position:
            return
        dirty, self._dirty = self._dirty, {}
        try:
            self._write(dirty, self._position)
        except StoreError:
            self._dirty = dirty | self._dirty
            raise

    def _write(self, dirty: dict[tuple[str, str], Any], position: int) -> None:
        with self._store.write() as tx:
            for (bucket, key), value in dirty.items():
                name = f"{self._name}/{bucket}"
                if value is None:
                    tx.delete(name, key)
                else:
                    tx.put(name, key, codec.pack(value))
            tx.set_position(position, self._name, self._log_id)
        self._saved_position = position

    def _forget(self) -> None:
        self.state = State()
        self._dirty = {}
        with self._store.write() as tx:
            for name in self._store.buckets():
                if name.startswith(self._name + "/"):
                    tx.drop(name)
            tx.set_position(0, self._name, self._log_id)

    async def _follow(
        self,
        source: Source,
        subjects: Sequence[str],
        decode: Callable[[Any], E],
        caught_up: asyncio.Future[None],
    ) -> None:
        async with source.follow(self._stream, subjects, after=self._position) as feed:
            left = await feed.lag()
            while True:
                if not left and not caught_up.done():
                    caught_up.set_result(None)
                messages = await feed.batch()
                events: list[tuple[int, E]] = []
                for message in messages:
                    try:
                        events.append((message.seq, decode(message)))
                    except ValueError as error:
                        self._skip("a message is no event", message.seq, error)
                self.apply(events)
                self._arrive(messages[-1].seq)
                left = feed.pending

    def _arrive(self, seq: int) -> None:
        """Count messages that were no events as reached, too."""
        if seq > self._position:
            self._position = seq
            self._tell([])

    async def _keep_saving(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._save_seconds)
            if self._position == self._saved_position:
                continue
            dirty, self._dirty = self._dirty, {}
            try:
                await asyncio.to_thread(self._write, dirty, self._position)
            except StoreError as error:
                self._dirty = dirty | self._dirty
                told = _log.limited(f"save {self._store.path}/{self._name}")
                told.warn("state cannot be saved, trying again", stream=self._stream, err=error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.warn("the log is followed no more", stream=self._stream, err=error)

    def _tell(self, changes: list[Change]) -> None:
        while self._waiting and self._waiting[0][0] <= self._position:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
        if changes:
            for listener in self._listeners:
                try:
                    listener(changes)
                except Exception as error:
                    _log.exception("a listener to state changes failed", error, stream=self._stream)

    def _skip(self, text: str, seq: int, error: Exception) -> None:
        self._skipped += 1
        _log.warn(text, stream=self._stream, seq=seq, err=error)


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")
