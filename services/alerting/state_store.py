"""What alerting keeps in LMDB: topics, and how far every queue is.

LMDB is written behind, every half second: states that have changed, entries that have waited since, and the position
in ALERTS that all of it stands for. Only how far a queue is, is written at once, after each answer of its sink; it can
be ahead of the rest. What the bus knows of that (see shared_progress.py) counts beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from services.alerting.delivery.dispatch import Dispatcher
from services.alerting.delivery.queue import Cursor, QueueEntry
from services.alerting.delivery.shared_progress import NOTHING
from services.alerting.flapping.flaps import Flaps
from services.alerting.topics.inhibitors import Inhibitors, Owner
from services.alerting.topics.records import Key, Source, records
from services.alerting.topics.topic import Topic
from services.alerting.topics.topics import Topics
from services.alerting.transitions import comments, transition_log
from services.alerting.transitions.comments import Comment, CommentLog
from services.alerting.transitions.transition_log import Kept, TransitionLog
from services.alertlog.deduplicator import Deduplicator
from services.process import log as logs
from services.process.pools import Pool
from services.store import codec
from services.store.errors import StoreError
from services.store.store import Store

_log = logs.get("alerting")
_threads = Pool("topics", 1)

_LOG = "ALERTS"
_TOPICS, _STATES, _WAITING, _DONE, _INHIBITORS = "topics", "states", "queues", "done", "inhibitors"
_HISTORY = (*transition_log.BUCKETS, comments.BUCKET)

_SAVE_SECONDS = 0.5
_SAVE_SHARE = 10  # saving may take this part of the time at most
_SEQ_BYTES = 8
_PAGE = 5_000  # entries that are read at once


@dataclass(slots=True)
class _Changes:
    """What one save writes."""

    position: int
    dropped: list[str] = field(default_factory=list)
    topics: list[tuple[str, bytes]] = field(default_factory=list)
    states: list[tuple[Topic, int, Key, Source | bytes]] = field(default_factory=list)
    waiting: list[tuple[str, QueueEntry]] = field(default_factory=list)
    gone: list[tuple[str, int]] = field(default_factory=list)
    caught_up: list[str] = field(default_factory=list)
    inhibitors: list[tuple[Owner, bytes | None]] = field(default_factory=list)
    transitions: list[Kept] = field(default_factory=list)
    comments: tuple[list[Comment], list[int]] = field(default_factory=lambda: ([], []))


class AlertStateStore:
    """Loads and saves. It is the `DeliveryProgress` of the dispatcher."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        inhibitors: Inhibitors,
        announced: Callable[[str], Cursor],
        transitions: TransitionLog,
        comment_log: CommentLog,
    ) -> None:
        """announced(key): up to where a queue is done as the bus knows."""
        self._store, self._topics, self._inhibitors = store, topics, inhibitors
        self._announced, self._transitions, self._comments = announced, transitions, comment_log
        self.position = 0
        self.starts_empty = True  # the fold begins with nothing
        self._log_id = ""
        self._saved_position = 0
        self._done: dict[str, Cursor] = {}
        self._unwritten: dict[str, Cursor] = {}
        self._fresh: list[tuple[str, QueueEntry]] = []
        self._gone: list[tuple[str, int]] = []
        self._touched: dict[str, Topic] = {}
        self._under_way: list[tuple[str, QueueEntry]] = []  # what is just being written
        self._writing: asyncio.Task[None] | None = None

    def load(self, log_id: str, last_seq: int) -> Iterator[tuple[str, QueueEntry]]:
        """Begin with what is kept, as far as it belongs to this log; gives what waited, by queue, in order.

        log_id: tells one log from another of the same name. last_seq: where the log ends.
        """
        self._log_id = log_id
        with self._store.read() as tx:
            position, of = tx.position_of(_LOG)
            done = max((seq for seq, _ in _cursors(tx.items(_DONE)).values()), default=0)
        # what handlers have done is written at once, the rest behind it: each may tell of a log that went back
        if of != log_id or max(position, done) > last_seq:
            if position or done:
                _log.warn("saved topics belong to another log, they are rebuilt", file=self._store.path)
            self._forget(_TOPICS, _STATES, _WAITING, _DONE, _INHIBITORS, *_HISTORY)
        try:
            return self._load()
        except (ValueError, TypeError, KeyError) as error:
            _log.warn("saved topics are not whole, they are rebuilt from the log", file=self._store.path, err=error)
            self._topics.by_name.clear()
            self._inhibitors.load(())
            self._comments.clear()
            self._forget(_TOPICS, _STATES, _WAITING, _INHIBITORS, *_HISTORY)
            self.position = self._saved_position = 0
            return iter(())

    def rest(self, key: str, seq: int, first: int, end: int) -> int:
        """The first of the events from `first` to `end` that a queue had not done when the service began."""
        cursor = self._cursor(key)
        if (seq, end) <= cursor:
            return end
        return max(first, cursor[1]) if seq == cursor[0] else first

    def knows(self, key: str) -> bool:
        """Whether anything is known of how far a queue is."""
        return self._cursor(key) > NOTHING

    def touched(self, topic: Topic) -> None:
        """A topic has changed."""
        self._touched[topic.name] = topic

    def added(self, key: str, entry: QueueEntry) -> None:
        if not entry.saved:
            self._fresh.append((key, entry))

    def removed(self, key: str, entry: QueueEntry) -> None:
        if entry.saved:
            self._gone.append((key, entry.seq))

    def done(self, key: str, cursor: Cursor) -> None:
        """Written, together with all others of this turn of the event loop, before the next turn."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write_done)
        self._unwritten[key] = max(cursor, self._unwritten.get(key, NOTHING), self._done.get(key, NOTHING))

    async def keep_saving(self, dispatcher: Dispatcher) -> None:
        """Write behind, for ever."""
        pause = _SAVE_SECONDS
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            changes = self._changes(dispatcher)
            if changes is None:
                continue
            # shielded, because nothing may be written after what `save` writes
            self._writing = asyncio.create_task(self._save_behind(changes))
            await asyncio.shield(self._writing)
            pause = max(_SAVE_SECONDS, _SAVE_SHARE * (time.monotonic() - began))

    async def save(self, dispatcher: Dispatcher) -> None:
        """Write everything now, for the last time. StoreError where it cannot."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self._write_done()
        changes = self._changes(dispatcher)
        if changes is not None:
            self._saved(changes, self._write(changes))

    def _forget(self, *buckets: str) -> None:
        with self._store.write() as tx:
            for bucket in buckets:
                tx.drop(bucket)
            tx.set_position(0, _LOG, self._log_id)

    def _load(self) -> Iterator[tuple[str, QueueEntry]]:
        with self._store.read() as tx:
            position, _ = tx.position_of(_LOG)
            topics, states = tx.items(_TOPICS), tx.items(_STATES)
            done, inhibitors = tx.items(_DONE), tx.items(_INHIBITORS)
            self._comments.load(tx)
        self._inhibitors.load((_owner(raw), packed) for raw, packed in inhibitors)
        self._done = _cursors(done)
        for raw, meta in topics:
            name = raw.decode("utf-8", "surrogatepass")
            self._topics.by_name[name] = _topic(name, codec.unpack(meta))
        for raw, packed in states:
            name, id = _split(raw)
            self._topics.by_name[name].put(id, *codec.unpack(packed))
        self.position = self._saved_position = position
        self.starts_empty = not position
        return self._still_waiting()

    def page(self, key: str, after: int, most: int) -> list[QueueEntry]:
        prefix = _queue_key(key)
        with self._store.read() as tx:
            kept = tx.page(_WAITING, most, prefix, prefix + _seq_key(after))
        found = {entry.seq: entry for _, entry in self._entries(kept)}
        # these are behind what is kept, unless it is of just now
        recent = {e.seq: e for of, e in (*self._under_way, *self._fresh) if of == key and e.seq > after}
        for entry in recent.values():
            entry.next = max(entry.next, self.rest(key, entry.seq, entry.first, entry.end))
        found |= recent
        chosen = [found[seq] for seq in sorted(found)[:most]]
        self._gone += [(key, entry.seq) for entry in chosen if entry.saved and entry.next == entry.end]
        return chosen

    def _still_waiting(self) -> Iterator[tuple[str, QueueEntry]]:
        """All entries that are kept, page by page: there may be many."""
        after = b""
        while True:
            with self._store.read() as tx:
                kept = tx.page(_WAITING, _PAGE, after=after)
            if not kept:
                return
            after = kept[-1][0]
            for key, entry in self._entries(kept):
                if entry.next < entry.end:
                    yield key, entry
                else:
                    self._gone.append((key, entry.seq))

    def _entries(self, kept: list[tuple[bytes, bytes]]) -> Iterator[tuple[str, QueueEntry]]:
        """Entries that are kept, with their queues; of what is done nothing is left."""
        for raw, packed in kept:
            seq = int.from_bytes(raw[-_SEQ_BYTES:], "big")
            try:
                key, first, end, previous, time_ns, durations, replay = codec.unpack(packed)
                start = self.rest(key, seq, first, end)
            except (ValueError, TypeError) as error:
                _log.error("what waits for a handler cannot be read", seq=seq, err=error)
                continue
            yield key, QueueEntry(seq, first, end, previous, time_ns, start, durations, replay, saved=True)

    def _cursor(self, key: str) -> Cursor:
        known = max(self._done.get(key, NOTHING), self._unwritten.get(key, NOTHING))
        return max(known, self._announced(key))

    def _write_done(self) -> None:
        if not self._unwritten:
            return
        unwritten, self._unwritten = self._unwritten, {}
        self._done |= unwritten
        try:
            with self._store.write() as tx:
                for key, cursor in unwritten.items():
                    tx.put(_DONE, key, codec.pack(list(cursor)))
        except StoreError as error:
            self._unwritten = unwritten | self._unwritten
            _log.limited("done").error("the progress of handlers cannot be saved, trying again", err=error)

    def _changes(self, dispatcher: Dispatcher) -> _Changes | None:
        """What has changed since the last save, marked as saved."""
        if self.position == self._saved_position and not self._gone and not self._topics.dropped:
            return None
        changes = _Changes(self.position)
        changes.dropped = [*self._topics.dropped]
        self._topics.dropped.clear()
        for topic in self._touched.values():
            if topic.cleared:
                topic.cleared = False
                changes.dropped.append(topic.name)
            changes.topics.append((topic.name, codec.pack(_meta(topic))))
            changes.states += [(topic, slot, topic.key(slot), topic.sources[slot]) for slot in topic.changed]
            topic.changed.clear()
        self._touched.clear()
        changes.inhibitors = [(owner, self._inhibitors.pack(owner)) for owner in self._inhibitors.changed]
        self._inhibitors.changed.clear()
        changes.transitions, changes.comments = self._transitions.fresh(), self._comments.changes()
        for key, entry in self._fresh:
            if entry.next < entry.end:
                entry.saved = True
                changes.waiting.append((key, entry))
        self._fresh.clear()
        self._under_way = changes.waiting
        changes.gone, self._gone = self._gone, []
        # a queue that has caught up needs no note: what is not waiting up to the position is done
        changes.caught_up = [
            key for key, cursor in self._done.items() if key not in dispatcher.queues and cursor[0] <= self.position
        ]
        return changes

    async def _save_behind(self, changes: _Changes) -> None:
        try:
            self._saved(changes, await _threads.run(self._write, changes))
        except StoreError as error:
            self._take_back(changes)
            _log.limited("save").error("topics cannot be saved, trying again", err=error)

    def _write(self, changes: _Changes) -> list[bytes]:
        """Write them; gives the records of the states. It may run in another thread."""
        texts = records((key, source) for _, _, key, source in changes.states)
        with self._store.read() as reading:
            dropped = [key for name in changes.dropped for key in reading.keys(_STATES, _prefix(name))]
        with self._store.write() as tx:
            for name in changes.dropped:
                tx.delete(_TOPICS, name)
            for raw in dropped:
                tx.delete(_STATES, raw)
            for name, meta in changes.topics:
                tx.put(_TOPICS, name, meta)
            for (_, _, key, _), text in zip(changes.states, texts, strict=True):
                tx.put(_STATES, _prefix(key[0]) + key[1].encode("utf-8", "surrogatepass"), codec.pack([*key[2:], text]))
            for queue, entry in changes.waiting:
                packed = [entry.first, entry.end, entry.previous, entry.time_ns, dict(entry.durations), entry.replay]
                tx.put(_WAITING, _queue_key(queue) + _seq_key(entry.seq), codec.pack([queue, *packed]))
            self._transitions.write(tx, changes.transitions)
            self._comments.write(tx, changes.comments)
            for owner, record in changes.inhibitors:
                if record is None:
                    tx.delete(_INHIBITORS, _owner_key(owner))
                else:
                    tx.put(_INHIBITORS, _owner_key(owner), record)
            for queue, seq in changes.gone:
                tx.delete(_WAITING, _queue_key(queue) + _seq_key(seq))
            tx.set_position(changes.position, _LOG, self._log_id)
        return texts

    def _saved(self, changes: _Changes, texts: list[bytes]) -> None:
        """Let go of the messages whose texts are in records now."""
        self._saved_position = changes.position
        self._transitions.written(len(changes.transitions))
        self._comments.written(changes.comments)
        self._under_way = []
        for (topic, slot, _, source), text in zip(changes.states, texts, strict=True):
            if slot < len(topic.sources) and topic.sources[slot] is source:
                topic.sources[slot] = text
        finished = [key for key in changes.caught_up if self._done.get(key, NOTHING)[0] <= changes.position]
        if finished:
            with self._store.write() as tx:
                for key in finished:
                    del self._done[key]
                    tx.delete(_DONE, key)

    def _take_back(self, changes: _Changes) -> None:
        """Mark as not saved again what a save could not write."""
        self._topics.dropped.update(changes.dropped)
        for topic, slot, _, source in changes.states:
            self._touched[topic.name] = topic
            if slot < len(topic.sources) and topic.sources[slot] is source:
                topic.changed.add(slot)
        found = ((name, self._topics.get(name)) for name, _ in changes.topics)
        self._touched |= {name: topic for name, topic in found if topic is not None}
        self._inhibitors.changed.update(owner for owner, _ in changes.inhibitors)
        self._under_way = []
        self._fresh = changes.waiting + self._fresh
        self._gone = changes.gone + self._gone


def _cursors(items: Iterable[tuple[bytes, bytes]]) -> dict[str, Cursor]:
    """How far queues are, by key."""
    found: dict[str, Cursor] = {}
    for raw, cursor in items:
        try:
            seq, number = codec.unpack(cursor)
            found[raw.decode()] = seq, number
        except (ValueError, TypeError) as error:
            _log.warn("how far a handler is cannot be read, what it has sent may be sent again", err=error)
    return found


def _meta(topic: Topic) -> list[Any]:
    """What is kept of a topic besides its states."""
    flags = [topic.task, topic.node, topic.started, topic.collected, topic.deleted, topic.deleted_after, topic.applied]
    seen, taken_up = _packed(topic.deduplicators), _packed(topic.taken_up)
    held = [dict(topic.held), {scope: dict(of) for scope, of in topic.held_of.items()}, topic.flaps.to_plain()]
    return [*flags, seen, dict(topic.carried), taken_up, held, dict(topic.acknowledged)]


def _topic(name: str, meta: list[Any]) -> Topic:
    topic = Topic(name)
    *flags, seen, topic.carried, taken_up, held, topic.acknowledged = meta
    topic.held, topic.held_of, topic.flaps = held[0], held[1], Flaps.of_plain(held[2])
    topic.task, topic.node, topic.started, topic.collected = flags[:4]
    topic.deleted, topic.deleted_after, topic.applied = flags[4:]
    topic.deduplicators = {of: Deduplicator.of_plain(values) for of, values in seen.items()}
    topic.taken_up = {of: Deduplicator.of_plain(values) for of, values in taken_up.items()}
    return topic


def _packed(seen: dict[tuple[str, str], Deduplicator]) -> dict[tuple[str, str], list[Any]]:
    return {of: one.to_plain() for of, one in seen.items()}


def _prefix(topic: str) -> bytes:
    raw = topic.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(raw), raw)


def _split(raw: bytes) -> tuple[str, str]:
    """Topic and id of a state's key."""
    size, _, rest = raw.partition(b":")
    return rest[: int(size)].decode("utf-8", "surrogatepass"), rest[int(size) :].decode("utf-8", "surrogatepass")


def _owner_key(owner: Owner) -> bytes:
    return b"\0".join(name.encode("utf-8", "surrogatepass") for name in owner)


def _owner(raw: bytes) -> Owner:
    owner, _, node = raw.partition(b"\0")
    return owner.decode("utf-8", "surrogatepass"), node.decode("utf-8", "surrogatepass")


def _queue_key(key: str) -> bytes:
    """What the keys of a queue's entries begin with."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _seq_key(seq: int) -> bytes:
    return seq.to_bytes(_SEQ_BYTES, "big")
