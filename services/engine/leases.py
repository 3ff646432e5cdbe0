"""Who holds which shard: leases in a KV bucket, taken by compare-and-set, kept by one heartbeat a worker.

Bucket `workers`, key WORKER: a heartbeat that changes every interval; a worker whose heartbeat has not changed for
`ttl` seconds of this machine's monotonic clock is dead. Bucket `leases`, key shard.N: who holds shard N; it may be taken
from nobody, from a dead worker, and by a worker that comes back under its own name. No clocks are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.kv import Bucket, Entry
from services.bus.subjects import escape, unescape
from services.engine.shards import owner_of

log = logs.get("engine")


@dataclass(slots=True)
class _Peer:
    beat: bytes
    seen: float  # monotonic


@dataclass(slots=True)
class _Lease:
    holder: str
    revision: int


class Leases:
    """This worker's membership and its leases.

    `on_gain` and `on_release` are awaited when shards are won or are to be handed over; a lease is given up only after
    `on_release` is done, so that the next holder finds everything saved. `on_lost` tells of shards that are no longer
    ours: what ran there must stop emitting at once.
    """

    def __init__(
        self,
        bus: Bus,
        worker: str,
        shards: int,
        ttl: float,
        interval: float,
        on_gain: Callable[[set[int]], Awaitable[None]],
        on_release: Callable[[set[int]], Awaitable[None]],
        on_lost: Callable[[set[int]], None],
    ) -> None:
        self._bus, self._worker, self._shards = bus, worker, shards
        self._ttl, self._interval = ttl, interval
        self._on_gain, self._on_release, self._on_lost = on_gain, on_release, on_lost
        self._workers: Bucket
        self._leases: Bucket
        self._peers: dict[str, _Peer] = {}
        self._held: dict[int, _Lease] = {}
        self.owned: set[int] = set()
        self._beats = 0
        self._renewed = 0.0
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join: say that this worker lives, learn of the others, and begin to take shards."""
        self._workers = await self._bus.bucket("workers")
        self._leases = await self._bus.bucket("leases")
        await self._beat()
        for bucket, take in ((self._workers, self._saw_worker), (self._leases, self._saw_lease)):
            for entry in await bucket.entries():
                take(entry)
        self._tasks = [
            asyncio.create_task(self._watch(self._workers, self._saw_worker)),
            asyncio.create_task(self._watch(self._leases, self._saw_lease)),
        ]
        await self._balance()
        self._tasks.append(asyncio.create_task(self._run()))

    async def stop(self) -> None:
        """Leave: hand over every shard, then say goodbye, so that others need not wait for this worker to be dead."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(BusError):
            await self._hand_over(set(self.owned))
            await self._workers.delete(escape(self._worker))

    def valid(self, shard: int) -> bool:
        """Whether this worker may still emit for a shard: it holds it, and has renewed its heartbeat in time."""
        return shard in self.owned and time.monotonic() - self._renewed < self._ttl

    def alive(self) -> list[str]:
        """The workers that live, this one included."""
        now = time.monotonic()
        others = [name for name, peer in self._peers.items() if now - peer.seen < self._ttl and name != self._worker]
        return sorted([self._worker, *others])

    def others(self) -> bool:
        """Whether other workers live, which could take over what runs here."""
        return len(self.alive()) > 1

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._interval)
            try:
                if time.monotonic() - self._renewed >= self._interval:
                    await self._beat()
                await self._balance()
            except BusError as e:
                log.warn("leases cannot be renewed", error=str(e))
                await asyncio.sleep(self._interval / 4)

    async def _beat(self) -> None:
        self._beats += 1
        sent = time.monotonic()
        body = {"worker": self._worker, "beat": self._beats}
        await self._workers.put(escape(self._worker), orjson.dumps(body))
        self._renewed = sent

    async def _watch(self, bucket: Bucket, take: Callable[[Entry], None]) -> None:
        async for entry in bucket.watch():
            take(entry)

    def _saw_worker(self, entry: Entry) -> None:
        name = unescape(entry.key)
        if name == self._worker:
            return
        if entry.deleted:
            if self._peers.pop(name, None) is not None:
                self._changed.set()
            return
        known = self._peers.get(name)
        if known is None or known.beat != entry.value:
            if known is None or time.monotonic() - known.seen >= self._ttl:
                self._changed.set()
            self._peers[name] = _Peer(entry.value, time.monotonic())

    def _saw_lease(self, entry: Entry) -> None:
        shard = int(entry.key.removeprefix("shard."))
        holder = "" if entry.deleted else str(orjson.loads(entry.value)["worker"])
        known = self._held.get(shard)
        if known is not None and known.revision >= entry.revision:
            return
        self._held[shard] = _Lease(holder, entry.revision)
        if holder != self._worker and shard in self.owned:
            self.owned.discard(shard)
            log.warn("lost a lease", shard=shard, to=holder)
            self._on_lost({shard})
        if not holder:
            self._changed.set()

    async def _balance(self) -> None:
        alive = self.alive()
        wanted = {s for s in range(self._shards) if owner_of(s, alive) == self._worker}
        surplus = self.owned - wanted
        if surplus:
            await self._hand_over(surplus)
        free = [s for s in sorted(wanted - self.owned) if self._free(s, alive)]
        results = await asyncio.gather(*(self._take(s) for s in free))
        gained = {s for s, ok in zip(free, results, strict=True) if ok}
        if gained:
            self.owned |= gained
            log.info("took shards", count=len(gained), owned=len(self.owned))
            await self._on_gain(gained)

    def _free(self, shard: int, alive: list[str]) -> bool:
        lease = self._held.get(shard)
        return lease is None or lease.holder == self._worker or lease.holder not in alive

    async def _take(self, shard: int) -> bool:
        lease = self._held.get(shard)
        try:
            revision = await self._leases.update(f"shard.{shard}", self._body(), lease.revision if lease else 0)
        except WrongSequence:
            entry = await self._leases.get(f"shard.{shard}")
            if entry is not None:
                self._saw_lease(entry)
            return False
        self._held[shard] = _Lease(self._worker, revision)
        return True

    async def _hand_over(self, shards: set[int]) -> None:
        if not shards:
            return
        await self._on_release(shards)
        self.owned -= shards
        free = orjson.dumps({"worker": ""})
        for shard in shards:
            try:
                revision = await self._leases.update(f"shard.{shard}", free, self._held[shard].revision)
                self._held[shard] = _Lease("", revision)
            except WrongSequence:
                continue
        log.info("handed shards over", count=len(shards), owned=len(self.owned))

    def _body(self) -> bytes:
        return orjson.dumps({"worker": self._worker})
