"""What alerting keeps: topics, and how far every lane is. In LMDB, and the latter on the bus as well.

LMDB is written behind, every half second: states that have changed, entries that have waited since, and the position
in ALERTS that all of it stands for. Only how far a lane is, is written at once, after each answer of its sink; it can
be ahead of the rest. On the bus stands, for the case that LMDB is lost, up to where everything was done and which
lanes were behind that.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from services import log as logs
from services.alerting.dispatch import Dispatcher
from services.alerting.inhibitors import Inhibitors, Owner
from services.alerting.lane import Cursor, Entry
from services.alerting.records import Key, Source, records
from services.alerting.seen import Seen
from services.alerting.topics import Topic, Topics
from services.bus.errors import BusError
from services.bus.kv import Bucket
from services.store import codec
from services.store.errors import StoreError
from services.store.store import Store

_log = logs.get("alerting")

_LOG = "ALERTS"
_TOPICS, _STATES, _WAITING, _DONE, _INHIBITORS = "topics", "states", "waiting", "done", "inhibitors"
_PROGRESS = "progress"

_SAVE_SECONDS = 0.5
_SAVE_SHARE = 10  # saving may take this part of the time at most
_TELL_SECONDS = 0.1

_NOTHING: Cursor = (0, 0)


@dataclass(slots=True)
class _Changes:
    """What one save writes."""

    position: int
    dropped: list[str] = field(default_factory=list)
    topics: list[tuple[str, bytes]] = field(default_factory=list)
    states: list[tuple[Topic, int, Key, Source | bytes]] = field(default_factory=list)
    waiting: list[tuple[str, Entry]] = field(default_factory=list)
    gone: list[tuple[str, int]] = field(default_factory=list)
    caught_up: list[str] = field(default_factory=list)
    inhibitors: list[tuple[Owner, bytes | None]] = field(default_factory=list)


class Keeper:
    """Loads and saves. It is the dispatcher's ledger."""

    def __init__(self, store: Store, bucket: Bucket, topics: Topics, inhibitors: Inhibitors) -> None:
        self._store, self._bucket, self._topics, self._inhibitors = store, bucket, topics, inhibitors
        self.position = 0
        self.anew = True  # the fold begins with nothing
        self._log_id = ""
        self._saved_position = 0
        self._told: bytes = b""
        self._told_position, self._told_behind = 0, dict[str, Cursor]()
        self._done: dict[str, Cursor] = {}
        self._unwritten: dict[str, Cursor] = {}
        self._fresh: list[tuple[str, Entry]] = []
        self._gone: list[tuple[str, int]] = []
        self._touched: dict[str, Topic] = {}
        self._writing: asyncio.Task[None] | None = None

    async def load(self, log_id: str, last_seq: int) -> list[tuple[str, Entry]]:
        """Begin with what is kept, as far as it belongs to this log; gives what waited, by lane, in order.

        log_id: tells one log from another of the same name. last_seq: where the log ends.
        """
        self._log_id = log_id
        await self._load_told()
        with self._store.read() as tx:
            position, of = tx.position_of(_LOG)
        if of != log_id or position > last_seq:
            if position:
                _log.warn("saved topics belong to another log, they are rebuilt", file=self._store.path)
            self._forget(_TOPICS, _STATES, _WAITING, _DONE, _INHIBITORS)
        try:
            return self._load()
        except (ValueError, TypeError, KeyError) as error:
            _log.warn("saved topics are not whole, they are rebuilt from the log", file=self._store.path, err=error)
            self._topics.by_name.clear()
            self._inhibitors.load(())
            self._forget(_TOPICS, _STATES, _WAITING, _INHIBITORS)
            self.position = self._saved_position = 0
            return []

    def rest(self, key: str, seq: int, first: int, end: int) -> int:
        """The first of the events from `first` to `end` that a lane had not done when the service began."""
        cursor = self._cursor(key)
        if (seq, end) <= cursor:
            return end
        return max(first, cursor[1]) if seq == cursor[0] else first

    def touched(self, topic: Topic) -> None:
        """A topic has changed."""
        self._touched[topic.name] = topic

    def added(self, key: str, entry: Entry) -> None:
        if not entry.saved:
            self._fresh.append((key, entry))

    def removed(self, key: str, entry: Entry) -> None:
        if entry.saved:
            self._gone.append((key, entry.seq))

    def done(self, key: str, cursor: Cursor) -> None:
        """Written, together with all others of this turn of the event loop, before the next turn."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write_done)
        self._unwritten[key] = cursor

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

    async def keep_telling(self, dispatcher: Dispatcher) -> None:
        """Have the bus know how far the lanes are, for ever."""
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            try:
                await self.tell(dispatcher)
            except BusError as error:
                _log.warn("progress cannot be put on the bus yet", err=error)
                await asyncio.sleep(1)

    async def save(self, dispatcher: Dispatcher) -> None:
        """Write everything now, for the last time. StoreError where it cannot."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self._write_done()
        changes = self._changes(dispatcher)
        if changes is not None:
            self._saved(changes, self._write(changes))

    async def tell(self, dispatcher: Dispatcher) -> None:
        """Put on the bus how far the lanes are. Raises BusError.

        Not before all is folded again that was done when the bus was told last.
        """
        if self.position < self._told_position:
            return
        behind = {key: lane.next for key, lane in dispatcher.lanes.items() if lane.next is not None}
        body = orjson.dumps({"log": self._log_id, "position": self.position, "behind": behind})
        if body != self._told:
            await self._bucket.put(_PROGRESS, body)
            self._told = body

    async def _load_told(self) -> None:
        entry = await self._bucket.get(_PROGRESS)
        if entry is None:
            return
        try:
            body: dict[str, Any] = orjson.loads(entry.value)
            if body["log"] == self._log_id:
                behind = {key: (int(seq), int(i)) for key, (seq, i) in body["behind"].items()}
                self._told_position, self._told_behind = int(body["position"]), behind
        except (ValueError, KeyError, TypeError) as error:
            _log.warn("the progress on the bus cannot be read and is not used", err=error)

    def _forget(self, *buckets: str) -> None:
        with self._store.write() as tx:
            for bucket in buckets:
                tx.drop(bucket)
            tx.set_position(0, _LOG, self._log_id)

    def _load(self) -> list[tuple[str, Entry]]:
        with self._store.read() as tx:
            position, _ = tx.position_of(_LOG)
            topics, states = tx.items(_TOPICS), tx.items(_STATES)
            waiting, done, inhibitors = tx.items(_WAITING), tx.items(_DONE), tx.items(_INHIBITORS)
        self._inhibitors.load((_owner(raw), packed) for raw, packed in inhibitors)
        self._done = {raw.decode(): tuple(codec.unpack(cursor)) for raw, cursor in done}
        for raw, meta in topics:
            name = raw.decode("utf-8", "surrogatepass")
            self._topics.by_name[name] = _topic(name, codec.unpack(meta))
        for raw, packed in states:
            name, id = _split(raw)
            self._topics.by_name[name].put(id, *codec.unpack(packed))
        self.position = self._saved_position = position
        self.anew = not position
        entries = [(*_waiting_key(raw), codec.unpack(packed)) for raw, packed in waiting]
        return self._still_waiting(entries)

    def _still_waiting(self, entries: list[tuple[str, int, list[Any]]]) -> list[tuple[str, Entry]]:
        out = []
        for key, seq, (first, end, previous, time_ns, durations, replay) in sorted(entries, key=lambda e: e[1]):
            start = self.rest(key, seq, first, end)
            if start < end:
                out.append((key, Entry(seq, first, end, previous, time_ns, start, durations, replay, saved=True)))
            else:
                self._gone.append((key, seq))
        return out

    def _cursor(self, key: str) -> Cursor:
        told = self._told_behind.get(key, (self._told_position + 1, 0)) if self._told_position else _NOTHING
        return max(self._done.get(key, _NOTHING), told)

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
        for key, entry in self._fresh:
            if entry.next < entry.end:
                entry.saved = True
                changes.waiting.append((key, entry))
        self._fresh.clear()
        changes.gone, self._gone = self._gone, []
        # a lane that has caught up needs no note: what is not waiting up to the position is done
        changes.caught_up = [
            key for key, cursor in self._done.items() if key not in dispatcher.lanes and cursor[0] <= self.position
        ]
        return changes

    async def _save_behind(self, changes: _Changes) -> None:
        try:
            self._saved(changes, await asyncio.to_thread(self._write, changes))
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
            for lane, entry in changes.waiting:
                packed = [entry.first, entry.end, entry.previous, entry.time_ns, dict(entry.durations), entry.replay]
                tx.put(_WAITING, f"{entry.seq}/{lane}", codec.pack(packed))
            for owner, record in changes.inhibitors:
                if record is None:
                    tx.delete(_INHIBITORS, _owner_key(owner))
                else:
                    tx.put(_INHIBITORS, _owner_key(owner), record)
            for lane, seq in changes.gone:
                tx.delete(_WAITING, f"{seq}/{lane}")
            tx.set_position(changes.position, _LOG, self._log_id)
        return texts

    def _saved(self, changes: _Changes, texts: list[bytes]) -> None:
        """Let go of the messages whose texts are in records now."""
        self._saved_position = changes.position
        for (topic, slot, _, source), text in zip(changes.states, texts, strict=True):
            if slot < len(topic.sources) and topic.sources[slot] is source:
                topic.sources[slot] = text
        finished = [key for key in changes.caught_up if self._done.get(key, _NOTHING)[0] <= changes.position]
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
        self._fresh = changes.waiting + self._fresh
        self._gone = changes.gone + self._gone


def _meta(topic: Topic) -> list[Any]:
    """What is kept of a topic besides its states."""
    flags = [topic.task, topic.node, topic.started, topic.collected, topic.deleted, topic.deleted_after, topic.applied]
    return [*flags, _packed(topic.seen), dict(topic.carried), _packed(topic.taken_up)]


def _topic(name: str, meta: list[Any]) -> Topic:
    topic = Topic(name)
    *flags, seen, topic.carried, taken_up = meta
    topic.task, topic.node, topic.started, topic.collected = flags[:4]
    topic.deleted, topic.deleted_after, topic.applied = flags[4:]
    topic.seen = {of: Seen(*values) for of, values in seen.items()}
    topic.taken_up = {of: Seen(*values) for of, values in taken_up.items()}
    return topic


def _packed(seen: dict[tuple[str, str], Seen]) -> dict[tuple[str, str], list[Any]]:
    return {of: [s.point, s.started, s.tick] for of, s in seen.items()}


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


def _waiting_key(raw: bytes) -> tuple[str, int]:
    seq, _, key = raw.decode().partition("/")
    return key, int(seq)
