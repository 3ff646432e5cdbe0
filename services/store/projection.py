"""Following a log and folding it into state: kept in memory, saved behind in LMDB with the position it stands for.

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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from services.process import log
from services.process.flight_recorder import FLIGHT_RECORDER, packed
from services.process.pools import Pool
from services.store.compaction import Compaction, Gone, Missed, announcement, compaction_of, is_compaction, subjects_of
from services.store.errors import StoreError
from services.store.folds.state import Change, State, Stored
from services.store.projection_store import ProjectionStore
from services.store.store import Store

_log = log.get("store")
_threads = Pool("folds", 4)

E = TypeVar("E")

SAVE_SECONDS = 1.0
_ANEW_PAUSE = 0.5
_NO_RECORDS: Mapping[str, Stored] = MappingProxyType({})


class LogState(Protocol):
    """What has to be known of a log: which one it is, and where it ends."""

    @property
    def created(self) -> str: ...
    @property
    def last_seq(self) -> int: ...


class Feed(Protocol):
    """A log being read. Its messages have a `seq`. went_back: it is not the one any more that was read until then; what
    is asked of it then fails."""

    @property
    def pending(self) -> int: ...
    @property
    def went_back(self) -> bool: ...
    async def lag(self) -> int: ...
    async def batch(self) -> Sequence[Any]: ...


class LogSource(Protocol):
    """Where logs are read: services.bus.connection.Bus is one."""

    def follow(
        self, stream: str, subjects: Sequence[str], after: int, *, created: str
    ) -> AbstractAsyncContextManager[Feed]: ...
    async def stream_state(self, stream: str) -> LogState: ...
    def set_aside(self, stream: str, message: Any, why: str) -> None: ...
    async def last_message(self, subject: str) -> Any: ...
    async def last_subject_sequence(self, subject: str) -> int: ...


class Projection(Generic[E]):
    """A fold over one stream, with its state in memory and in a store. One event loop uses it."""

    def __init__(
        self,
        store: Store,
        fold: Callable[[State, E], None],
        stream: str,
        save_seconds: float = SAVE_SECONDS,
        name: str | None = None,
        forget: Callable[[State, Gone], None] | None = None,
        records: Mapping[str, Stored] = _NO_RECORDS,
    ) -> None:
        """name: under which the store keeps it; the stream's unless the store has two folds of one stream.

        forget: lets go of what is still kept of a resource that is gone, since its log was compacted. records: by
        bucket, how those of records are stored.
        """
        self._kept = ProjectionStore(store, name or stream, records)
        self._fold = fold
        self._stream = stream
        self._save_seconds = save_seconds
        self._forget_gone = forget
        self.state = State()
        self._position = 0
        self._log_id = ""
        self._skipped = 0
        self._refused: list[tuple[int, str]] = []
        self._what = packed(kind="message", id=stream)
        self._dirty: dict[tuple[str, str], Any] = {}
        self._saved_position = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._listeners: list[Callable[[list[Change]], None]] = []
        self._following: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._writing = asyncio.Lock()
        self._end: Callable[[], Awaitable[int]] | None = None
        self._before: State | None = None  # what was known of a log that went back, until this one is read

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

    async def start(self, source: LogSource, subjects: Sequence[str], decode: Callable[[Any], E]) -> None:
        """Open what was saved, follow the log from there, and return once its present end is reached.

        decode: makes an event of a message; where it raises, the message is none. It is then logged, set aside and
        skipped, like an event that the fold fails on, or that processes died in. Raises what the source raises while
        the log cannot be asked for its state.
        """
        self._end = lambda: _end_of(source, subjects)
        compaction = await compaction_of(source, self._stream)
        state = await source.stream_state(self._stream)
        self.load(state.created, state.last_seq)
        if compaction.missed(self._position):
            _log.warn("the log was compacted since state was saved, it is rebuilt", stream=self._stream)
            self._forget()
        while True:
            began = self._position
            await self._catch_up(source, subjects_of(self._stream, subjects), decode, compaction)
            before, compaction = compaction, await compaction_of(source, self._stream)
            if began >= compaction.since or before.seq == compaction.seq:
                break
            _log.info("the log was compacted while it was read, it is read again", stream=self._stream)
            await self._cancel_following()
            self._forget()
        self._saving = asyncio.create_task(self._keep_saving())

    async def _catch_up(
        self, source: LogSource, subjects: Sequence[str], decode: Callable[[Any], E], compaction: Compaction
    ) -> None:
        caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        following = asyncio.create_task(self._follow(source, subjects, decode, caught_up, compaction))
        self._following = following
        following.add_done_callback(self._ended)
        await asyncio.wait([caught_up, following], return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()

    async def _cancel_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])

    async def stop(self) -> None:
        """Follow no more, and save. Where that fails, the next start reads so much more of the log."""
        self._stopping.set()
        await self._cancel_following()
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
        async with asyncio.timeout(timeout):
            await future

    async def caught_up(self, timeout: float | None = None) -> int:
        """Wait until every event is in the state that is in the log now; gives the sequence of the last.

        TimeoutError after so many seconds of waiting for it; raises what the source raises.
        """
        end = 0 if self._end is None else await self._end()
        await self.reached(end, timeout)
        return end

    def load(self, log_id: str, last_seq: int) -> None:
        """Begin with what the store has, unless it comes from another log than this one or is not whole.

        log_id: tells one log from another of the same name. last_seq: where the log ends.
        """
        self._log_id = log_id
        self.state, self._position = self._kept.load(log_id, last_seq)
        self._saved_position = self._position
        if not self._position:
            self._forget()

    def apply(self, events: Sequence[tuple[int, E]]) -> None:
        """Fold events, given with their sequences in rising order, and tell who waits or listens."""
        changes: list[Change] = []
        for seq, event in events:
            if seq <= self._position:
                continue
            try:
                with FLIGHT_RECORDER.at(self._what, seq, seq):
                    changes += self.state.take(self._fold, event, seq)
            except Exception as error:
                self._skip("an event cannot be folded", seq, error)
            self._position = seq
        self._changed(changes)

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
        self._kept.save(dirty, position, self._log_id)
        self._saved_position = position

    def _forget(self) -> None:
        self.state = State()
        self._dirty = {}
        self._position = self._saved_position = 0
        self._kept.clear(self._log_id)

    async def _follow(
        self,
        source: LogSource,
        subjects: Sequence[str],
        decode: Callable[[Any], E],
        caught_up: asyncio.Future[None],
        compaction: Compaction,
    ) -> None:
        while True:
            created = self._log_id
            async with source.follow(self._stream, subjects, after=self._position, created=created) as feed:
                try:
                    await self._read(source, feed, decode, caught_up, compaction)
                except Exception:
                    if not feed.went_back:
                        raise
            compaction = await self._rebuild(source)

    async def _read(
        self,
        source: LogSource,
        feed: Feed,
        decode: Callable[[Any], E],
        caught_up: asyncio.Future[None],
        compaction: Compaction,
    ) -> None:
        left = await feed.lag()
        while True:
            if not left:
                self._notify_what_is_new()
                if not caught_up.done():
                    caught_up.set_result(None)
            messages = await feed.batch()
            part: list[Any] = []
            for message in messages:
                if is_compaction(message):
                    self.apply(self._decoded(part, decode))
                    self._take_compaction(message, caught_up.done())
                    part = []
                elif not compaction.removes(message):
                    part.append(message)
            self.apply(self._decoded(part, decode))
            self._arrive(messages[-1].seq)
            if self._refused:
                self._set_aside(source, messages)
            left = feed.pending

    async def _rebuild(self, source: LogSource) -> Compaction:
        """Fold the log from its beginning, and then tell what has become of what was known; gives what it lacks."""
        _log.error("the log is not what it was, state is made anew of what it holds", stream=self._stream)
        self._before = self._before or self.state
        while True:
            try:
                state = await source.stream_state(self._stream)
                compaction = await compaction_of(source, self._stream)
                break
            except Exception as error:
                _log.limited(f"anew {self._stream}").warn("the log cannot be asked", stream=self._stream, err=error)
                await asyncio.sleep(_ANEW_PAUSE)
        async with self._writing:
            self._log_id, self._position, self._saved_position = state.created, 0, 0
            self._forget()
        return compaction

    def _notify_what_is_new(self) -> None:
        """Tell the difference to what was known of the log before it went back."""
        before, self._before = self._before, None
        if before is None:
            return
        self._notify(self.state.differences(before, self._position))

    def _set_aside(self, source: LogSource, messages: Sequence[Any]) -> None:
        """Have those of some messages kept for whoever wants to see why that were skipped."""
        by_seq = {message.seq: message for message in messages}
        for seq, why in self._refused:
            source.set_aside(self._stream, by_seq[seq], why)
        self._refused = []

    def _decoded(self, messages: Sequence[Any], decode: Callable[[Any], E]) -> list[tuple[int, E]]:
        """The events of messages, with their sequences."""
        events: list[tuple[int, E]] = []
        for message in messages:
            try:
                if FLIGHT_RECORDER.aside and (
                    why := FLIGHT_RECORDER.deadly(self._stream, message.seq, message.time_ns)
                ):
                    raise ValueError(why)
                with FLIGHT_RECORDER.at(self._what, message.seq, message.seq):
                    events.append((message.seq, decode(message)))
            except Exception as error:
                self._skip("a message is no event", message.seq, error)
        return events

    def _take_compaction(self, message: Any, live: bool) -> None:
        """The log was compacted. live: since then nothing was read anew from its beginning."""
        since, gone = announcement(message)
        if live and self._position < since:
            self._forget()
            raise Missed(f"{self._stream} was compacted before this process has read it")
        changes: list[Change] = []
        if self._forget_gone is not None:
            for one in gone:
                changes += self.state.take(self._forget_gone, one, message.seq)
        self._position = message.seq
        self._changed(changes)

    def _arrive(self, seq: int) -> None:
        """Count messages that were no events as reached, too."""
        if seq > self._position:
            self._position = seq
            self._notify([])

    async def _keep_saving(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._save_seconds):
                    await self._stopping.wait()
            if self._position == self._saved_position:
                continue
            async with self._writing:
                await self._save_behind()

    async def _save_behind(self) -> None:
        dirty, self._dirty = self._dirty, {}
        try:
            await _threads.run(self._write, dirty, self._position)
        except Exception as error:
            self._dirty = dirty | self._dirty
            limited = _log.limited(f"save {self._kept}")
            limited.warn("state cannot be saved, trying again", stream=self._stream, err=error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.warn("the log is followed no more", stream=self._stream, err=error)

    def _changed(self, changes: list[Change]) -> None:
        """The state has changed: that is to be saved, and told unless the log is only being read again."""
        self._dirty |= {(change.bucket, change.key): change.after for change in changes}
        self._notify(changes if self._before is None else [])

    def _notify(self, changes: list[Change]) -> None:
        """Let go of who waits for the position that is reached, and call who listens to changes."""
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
        self._refused.append((seq, f"{text}: {error}"))
        _log.limited(f"skipped/{self._stream}/{text}/{type(error).__name__}").warn(
            text, stream=self._stream, seq=seq, err=error, skipped=self._skipped
        )


async def _end_of(source: LogSource, subjects: Sequence[str]) -> int:
    return max(await asyncio.gather(*map(source.last_subject_sequence, subjects)), default=0)
