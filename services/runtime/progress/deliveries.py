"""How far nodes are with what they send outside by themselves: posts, and points for InfluxDB.

A worker that goes back to a snapshot does again what the snapshot does not hold; what was delivered meanwhile must not
go out again. How far each node is, is therefore written apart from the states of tasks: to LMDB at once, after each
answer, together with all others of the same turn of the event loop; and to the bus a little later, for whoever takes
the tasks over. It can be ahead of the state that is gone back to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.leases.shards import shard_of_unit
from services.columns.places import LastPlaces, Place
from services.process import log as logs
from services.store import codec
from services.store.errors import StoreError
from services.store.store import Store

log = logs.get("engine")

_BUCKET = "deliveries"
_PUBLISH_SECONDS, _PUBLISH_ALONE_SECONDS = 0.1, 5.0
_PAUSE = 1.0
_MOST_CODES = 10_000


class Delivered:
    """What one node has delivered. What has one ordering key goes in order: "" where there is one."""

    def __init__(self, changed: Callable[[], None] = lambda: None, may: Callable[[], bool] = lambda: True) -> None:
        """changed: called when it has. may(): whether something may be sent now: nobody else may run the task."""
        self._changed, self.may = changed, may
        self._by_key: dict[str, LastPlaces] = {}
        self._codes: dict[Place, int] = {}  # what was answered, the oldest first, where it is kept
        self._ahead: set[Place] = set()  # those of them that were read and that the node has not come to again
        self._forgotten = 0  # so many answers are kept no more

    def covers(self, place: Place, ordering_key: str = "") -> bool:
        """Whether what has this place was delivered."""
        reached = self._by_key.get(ordering_key)
        return reached is not None and reached.covers(place)

    def code(self, place: Place) -> int | None:
        """What was answered to it, for the node that has come to it; None: not known (any more)."""
        self._ahead.discard(place)
        return self._codes.get(place)

    def done(self, place: Place, ordering_key: str = "", code: int | None = None) -> None:
        """What has this place is delivered, or has failed for good. code: to be remembered until it is in a state."""
        self._by_key.setdefault(ordering_key, LastPlaces()).reach(place)
        if code is not None:
            self._codes[place] = code
            self._ahead.discard(place)
            self._forget(len(self._codes) - _MOST_CODES)
        self._changed()

    @property
    def last_tick(self) -> int:
        """The last tick (ns) of which something was delivered, 0 for none."""
        return max((reached.tick[0] for reached in self._by_key.values()), default=0)

    @property
    def answers(self) -> int:
        """How many answers there were that the node's state holds, if it is taken now.

        What a worker has read of its deliveries may be ahead of the state that it has gone back to.
        """
        held = next((i for i, place in enumerate(self._codes) if place in self._ahead), 0) if self._ahead else None
        return self._forgotten + (len(self._codes) if held is None else held)

    def in_state(self, answers: int) -> None:
        """So many answers need not be remembered any more."""
        self._forget(answers - self._forgotten)

    def merge(self, packed: Any) -> None:
        """Take in what `packed` gave. ValueError, TypeError for anything else."""
        by_key, codes = packed
        for key, state in by_key.items():
            self._by_key.setdefault(key, LastPlaces()).merge(LastPlaces.of(state))
        for a, b, c, code in codes:
            self._codes[a, b, c] = code
            self._ahead.add((a, b, c))

    def packed(self) -> list[Any]:
        """As plain data."""
        codes = [[*place, code] for place, code in self._codes.items()]
        return [{key: reached.state() for key, reached in self._by_key.items()}, codes]

    def _forget(self, count: int) -> None:
        for _ in range(min(count, len(self._codes))):
            first = next(iter(self._codes))
            del self._codes[first]
            self._ahead.discard(first)
            self._forgotten += 1


Answers = Mapping[Delivered, int]
"""How many answers nodes had had at some time."""


class _Book:
    """What the nodes of one run have delivered."""

    def __init__(self, began: int) -> None:
        self.began = began
        self.nodes: dict[str, Delivered] = {}

    def packed(self) -> list[Any]:
        return [self.began, {name: node.packed() for name, node in self.nodes.items()}]


class Deliveries:
    """Keeps the books of a worker's tasks. One event loop uses it."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        shards: int,
        shared: Callable[[], bool],
        held: Callable[[int], bool],
        replicas: int = 1,
    ) -> None:
        """shared(): whether other workers live. held(shard): whether a shard is this worker's for sure. replicas: on
        how many servers of a cluster the books lie."""
        self._store, self._bus, self._shards, self._replicas = store, bus, shards, replicas
        self._shared, self._held = shared, held
        self._books: dict[str, _Book] = {}
        self._unwritten: set[str] = set()
        self._writes_soon = False
        self._unpublished: set[int] = set()
        self._on_bus: dict[str, Any] = {}
        self._bucket: Bucket | None = None
        self._publishing = asyncio.Lock()

    async def learn(self) -> None:
        """Ask the bus what other workers have told, for the `open` of tasks of shards that were won.

        Raises BusError.
        """
        found: dict[str, Any] = {}
        for entry in await (await self._opened()).entries():
            try:
                found |= codec.unpack(entry.value)
            except (ValueError, TypeError) as e:
                log.warn("deliveries on the bus cannot be read", key=entry.key, err=e)
        self._on_bus = found

    def open(self, task: str, began: int) -> Callable[[str], Delivered]:
        """The book of the run that was begun then (ns): what it gives for the name of a node is that node's."""
        book = self._books.get(task)
        if book is None or book.began != began:
            book = self._books[task] = _Book(began)
            raw = self._store.get(_BUCKET, task)
            for packed in (None if raw is None else _unpacked(raw), self._on_bus.get(task)):
                self._take_in(task, book, packed)
        found = book

        def node(name: str) -> Delivered:
            return found.nodes.setdefault(name, self._delivered(task))

        return node

    def last_tick(self, task: str) -> int:
        """The last tick (ns) of which something was delivered in the task's run, 0 for none."""
        book = self._books.get(task)
        return max((node.last_tick for node in book.nodes.values()), default=0) if book is not None else 0

    def answers(self, tasks: Iterable[str]) -> Answers:
        """How many answers the nodes of some tasks have had, for `in_states` once their states hold them."""
        books = [self._books[task] for task in tasks if task in self._books]
        return {node: node.answers for book in books for node in book.nodes.values()}

    def in_states(self, answers: Answers) -> None:
        """The states that lie on the bus (and so those in LMDB) hold what these answers have come to."""
        for node, count in answers.items():
            node.in_state(count)

    def close(self, tasks: Iterable[str]) -> None:
        """Tasks are let go of: what others tell of them counts from now on."""
        self.write()
        for task in tasks:
            self._books.pop(task, None)

    def drop(self, task: str) -> None:
        """Forget a task that runs no more."""
        known = self._on_bus.pop(task, None) is not None
        book = self._books.pop(task, None)
        self._unwritten.discard(task)
        if self._store.get(_BUCKET, task) is not None:
            with self._store.write() as tx:
                tx.delete(_BUCKET, task)
        if known or (book is not None and book.nodes):
            self._unpublished.add(shard_of_unit(task, self._shards))

    def write(self) -> None:
        """Write to LMDB what has changed. What cannot be written is tried again with the next change."""
        self._writes_soon = False
        if not self._unwritten:
            return
        unwritten, self._unwritten = self._unwritten, set()
        try:
            with self._store.write() as tx:
                for task in unwritten & self._books.keys():
                    tx.put(_BUCKET, task, codec.pack(self._books[task].packed()))
        except StoreError as e:
            self._unwritten |= unwritten
            log.limited("deliveries").error("what was delivered cannot be saved, trying again", err=e)

    async def keep_publishing(self) -> None:
        """Have the bus know, for ever."""
        while True:
            await asyncio.sleep(_PUBLISH_SECONDS if self._shared() else _PUBLISH_ALONE_SECONDS)
            try:
                await self.publish()
            except BusError as e:
                log.limited("deliveries").warn("what was delivered cannot be put on the bus yet", err=e)
                await asyncio.sleep(_PAUSE)

    async def publish(self) -> None:
        """Put on the bus what has changed. BusError where that fails; it can be tried again."""
        async with self._publishing:
            for shard in sorted(self._unpublished):
                bucket = await self._opened()
                self._unpublished.discard(shard)
                if not self._held(shard):
                    continue
                # those that others told of may not have been taken up yet
                books = {task: packed for task, packed in self._on_bus.items() if self._is_of(task, shard)}
                ours = {task: book for task, book in self._books.items() if book.nodes and self._is_of(task, shard)}
                books |= {task: book.packed() for task, book in ours.items()}
                try:
                    await bucket.put(f"shard.{shard}", codec.pack(books))
                except PayloadTooLarge as e:
                    log.limited("deliveries").error("what was delivered is too much for the bus", err=e)
                except BaseException:
                    self._unpublished.add(shard)
                    raise

    def _is_of(self, task: str, shard: int) -> bool:
        return shard_of_unit(task, self._shards) == shard

    def _delivered(self, task: str) -> Delivered:
        shard = shard_of_unit(task, self._shards)
        return Delivered(lambda: self._has_changed(task), lambda: self._held(shard))

    def _has_changed(self, task: str) -> None:
        if not self._writes_soon:
            self._writes_soon = True
            asyncio.get_running_loop().call_soon(self.write)
        self._unwritten.add(task)
        self._unpublished.add(shard_of_unit(task, self._shards))

    def _take_in(self, task: str, book: _Book, packed: Any) -> None:
        try:
            if packed is not None and packed[0] == book.began:
                for name, node in packed[1].items():
                    book.nodes.setdefault(name, self._delivered(task)).merge(node)
        except (ValueError, TypeError, LookupError, AttributeError) as e:
            log.warn("what was delivered cannot be read and may come again", task=task, err=e)

    async def _opened(self) -> Bucket:
        if self._bucket is None:
            self._bucket = await self._bus.bucket(_BUCKET, replicas=self._replicas)
        return self._bucket


def _unpacked(raw: bytes) -> Any:
    try:
        return codec.unpack(raw)
    except ValueError as e:
        log.warn("what was delivered cannot be read and may come again", err=e)
        return None
