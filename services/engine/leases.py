"""Who holds which shard: leases in a KV bucket, taken by compare-and-set, kept by one heartbeat a worker.

Bucket `workers`, key WORKER: a heartbeat that changes every interval; a worker whose heartbeat has not changed for
`ttl` seconds of this machine's monotonic clock is dead. Bucket `leases`, key shard.N: who holds shard N; it may be
taken from nobody, from a dead worker, and by a worker that comes back under its own name. No clocks are compared.

Two that live under one name would both run everything. Each process therefore has a token of its own beside the name:
a later one waits until the former's heartbeat has stopped, and a former one that is heard again after that ends.

A worker whose own heartbeat was not stored for `ttl` seconds (it stood still, or NATS did) may have been taken for
dead. It then does nothing for its shards until it has taken each of their leases once more by compare-and-set, which
fails for those that another worker has taken meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.kv import Bucket, Entry
from services.bus.subjects import escape, unescape
from services.engine.shards import owner_of
from services.machine import has_ended, this_machine

log = logs.get("engine")

_PREFIX = "shard."
_BURIED_AFTER = 20  # times ttl: then a dead worker's heartbeat is deleted


@dataclass(slots=True)
class _Peer:
    beat: bytes
    revision: int
    seen: float  # monotonic


@dataclass(slots=True)
class _Lease:
    """holder: a worker's name, "" where nobody has it. boot: the token of its process."""

    holder: str
    boot: str
    revision: int


class Replaced(Exception):
    """Another process has taken this worker's name over: this one must end."""


class Leases:
    """This worker's membership and its leases.

    `on_gain` and `on_release` are awaited when shards are won or are to be handed over; a lease is given up only after
    `on_release` is done, so that the next holder finds everything saved. Where `on_release` raises BusError the shards
    are kept, and it is called again later. `on_lost` tells of shards that are no longer ours: what ran there must stop
    emitting at once.
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
        replicas: int = 1,
    ) -> None:
        """ttl, interval: seconds. replicas: on how many servers of a cluster the buckets lie."""
        self._bus, self._worker, self._shards, self._replicas = bus, worker, shards, replicas
        self._boot = secrets.token_hex(8)
        self._own_beat = 0  # the revision of our last heartbeat
        self._ttl, self._interval = ttl, min(interval, ttl / 3)
        self._on_gain, self._on_release, self._on_lost = on_gain, on_release, on_lost
        self._workers: Bucket
        self._leases: Bucket
        self._peers: dict[str, _Peer] = {}
        self._held: dict[int, _Lease] = {}
        self.owned: set[int] = set()
        self._lost = 0  # since it was last logged
        self._beats = 0
        self._renewed = 0.0
        self._changed = asyncio.Event()
        self._standing = asyncio.Event()
        self._changing = asyncio.Lock()  # one change of our leases after another
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join: say that this worker lives, learn of the others, and begin to take shards."""
        self._workers = await self._bus.bucket("workers", replicas=self._replicas)
        self._leases = await self._bus.bucket("leases", replicas=self._replicas)
        await self._wait_for_namesake()
        await self._beat()
        for bucket, take in ((self._workers, self._saw_worker), (self._leases, self._saw_lease)):
            for entry in await bucket.entries():
                _read(entry, take)
        self._spawn(self._watch(self._workers, self._saw_worker))
        self._spawn(self._watch(self._leases, self._saw_lease))
        self._spawn(self._keep_beating())
        await self._balance()
        self._spawn(self._keep_balance())

    async def stop(self) -> None:
        """Leave: hand over every shard, then say goodbye, so that others need not wait for this worker to be dead."""
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(BusError):
            await self._hand_over(set(self.owned))
            await self._workers.delete(escape(self._worker))

    async def failed(self) -> None:
        """Return never, or raise what has ended one of the loops that keep leases and membership."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def valid(self, shard: int) -> bool:
        """Whether this worker may emit for a shard: it holds it, and nobody can have taken it for dead."""
        return shard in self.owned and self.standing

    @property
    def standing(self) -> bool:
        """Whether nobody can have taken this worker for dead since it was last known to hold its leases."""
        return time.monotonic() - self._renewed < self._ttl

    async def stands(self) -> None:
        """Wait until `standing`."""
        while not self.standing:
            self._standing.clear()
            await self._standing.wait()

    def alive(self) -> list[str]:
        """The workers that live, this one included."""
        now = time.monotonic()
        others = [name for name, peer in self._peers.items() if now - peer.seen < self._ttl and name != self._worker]
        return sorted([self._worker, *others])

    def others(self) -> bool:
        """Whether other workers live, which could take over what runs here."""
        return len(self.alive()) > 1

    async def _wait_for_namesake(self) -> None:
        """Wait until no other process sends heartbeats under this name."""
        key = escape(self._worker)
        entry = await self._workers.get(key)
        if entry is None:
            return
        self._own_beat = entry.revision
        if _is_gone(entry.value):
            return
        since = time.monotonic()
        while time.monotonic() - since < self._ttl:
            await asyncio.sleep(self._interval / 4)
            entry = await self._workers.get(key)
            if entry is None:
                self._own_beat = 0
                return
            if entry.revision != self._own_beat:
                self._own_beat, since = entry.revision, time.monotonic()
                log.limited("namesake").warn(
                    "another worker of this name lives, waiting for its end", name=self._worker
                )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _keep_beating(self) -> None:
        """Beside everything else: taking up the tasks of a shard may last longer than a heartbeat."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._beat()
            except BusError as e:
                log.limited("beat").warn("the heartbeat cannot be stored", error=str(e))

    async def _keep_balance(self) -> None:
        while True:
            self._changed.clear()
            # not wait_for, which forgets that it was cancelled when the event comes at the same time
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._changed.wait()
            await self.stands()
            try:
                await self._balance()
            except BusError as e:
                log.limited("balance").warn("leases cannot be changed", error=str(e))
                await asyncio.sleep(self._interval / 4)

    async def _beat(self) -> None:
        self._beats += 1
        sent = time.monotonic()
        body = {"worker": self._worker, "beat": self._beats, "boot": self._boot, **_here()}
        await self._store_beat(orjson.dumps(body))
        silent = sent - self._renewed
        if silent >= self._ttl / 2:
            # we may have been deaf as long as we were mute: that must not count against others
            now = time.monotonic()
            for peer in self._peers.values():
                peer.seen = max(peer.seen, min(now, peer.seen + silent))
        if silent >= self._ttl and self.owned:
            async with self._changing:
                await self._claim_again()
        self._renewed = sent
        self._standing.set()

    async def _store_beat(self, body: bytes) -> None:
        """Store a heartbeat over the last one of this process, and over no other's."""
        key = escape(self._worker)
        try:
            self._own_beat = await self._workers.update(key, body, self._own_beat)
            return
        except WrongSequence:
            entry = await self._workers.get(key)
        # one of ours may have been stored although we were not told so; what is gone was taken for long dead
        if entry is not None and _boot_of(entry.value) != self._boot:
            raise Replaced(f"another process has taken over as the worker {self._worker}")
        if entry is not None:
            self._own_beat = await self._workers.update(key, body, entry.revision)
        else:
            self._own_beat = await self._workers.create(key, body)

    async def _claim_again(self) -> None:
        """After having stood still: what of ours is still ours. Whoever would take the rest at this moment fails."""
        claimed = sorted(self.owned)
        log.warn("this worker may have been taken for dead and claims its shards again", count=len(claimed))
        results = await asyncio.gather(*(self._take(s) for s in claimed), return_exceptions=True)
        lost = {s for s, ok in zip(claimed, results, strict=True) if ok is False}
        self._lose(lost & self.owned)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _lose(self, shards: set[int]) -> None:
        if not shards:
            return
        self.owned -= shards
        if not self._lost:
            asyncio.get_running_loop().call_soon(self._log_lost)
        self._lost += len(shards)
        self._on_lost(shards)

    def _log_lost(self) -> None:
        """One line for all that was lost at once."""
        log.warn("lost leases to another worker", count=self._lost, owned=len(self.owned))
        self._lost = 0

    async def _watch(self, bucket: Bucket, take: Callable[[Entry], None]) -> None:
        async for entry in bucket.watch():
            _read(entry, take)

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
            self._peers[name] = _Peer(entry.value, entry.revision, time.monotonic())

    def _saw_lease(self, entry: Entry) -> None:
        shard = int(entry.key.removeprefix(_PREFIX))
        lease = _lease_of(entry)
        known = self._held.get(shard)
        if known is not None and known.revision >= entry.revision:
            return
        self._held[shard] = lease
        if not self._ours(lease) and shard in self.owned:
            self._lose({shard})
        if not lease.holder:
            self._changed.set()

    async def _balance(self) -> None:
        alive = self.alive()
        wanted = {s for s in range(self._shards) if owner_of(s, alive) == self._worker}
        surplus = self.owned - wanted
        if surplus:
            await self._hand_over(surplus)
        unfinished = {s for s, one in self._held.items() if self._ours(one)} - self.owned - wanted
        async with self._changing:
            await self._give_up(unfinished)
            free = [s for s in sorted(wanted - self.owned) if self._free(s, alive)]
            results = await asyncio.gather(*(self._take(s) for s in free), return_exceptions=True)
            gained = {s for s, ok in zip(free, results, strict=True) if ok is True}
            self.owned |= gained
        if gained:
            log.info("took shards", count=len(gained), owned=len(self.owned))
            await self._on_gain(gained)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        await self._bury()

    def _free(self, shard: int, alive: list[str]) -> bool:
        lease = self._held.get(shard)
        return lease is None or lease.holder == self._worker or lease.holder not in alive

    async def _take(self, shard: int) -> bool:
        return await self._set(shard, self._worker)

    async def _set(self, shard: int, holder: str) -> bool:
        """Write a lease over the state that we know of it. False where it has another, which we then know."""
        lease = self._held.get(shard)
        boot = self._boot if holder else ""
        body = orjson.dumps({"worker": holder, "boot": boot})
        try:
            revision = await self._leases.update(f"{_PREFIX}{shard}", body, lease.revision if lease else 0)
        except WrongSequence as e:
            entry = await self._leases.get(f"{_PREFIX}{shard}")
            # it may say what we wanted to write: that was stored then although we were not told so
            self._know(shard, _Lease("", "", e.last or 0) if entry is None else _lease_of(entry))
        else:
            self._know(shard, _Lease(holder, boot, revision))
        held = self._held[shard]
        return (held.holder, held.boot) == (holder, boot)

    def _ours(self, lease: _Lease) -> bool:
        return (lease.holder, lease.boot) == (self._worker, self._boot)

    def _know(self, shard: int, lease: _Lease) -> None:
        """Take in a state of a lease unless a later one is known."""
        known = self._held.get(shard)
        if known is None or lease.revision > known.revision:
            self._held[shard] = lease

    async def _hand_over(self, shards: set[int]) -> None:
        if not shards:
            return
        await self._on_release(shards)
        async with self._changing:
            self.owned -= shards
            await self._give_up(shards)
        log.info("handed shards over", count=len(shards), owned=len(self.owned))

    async def _give_up(self, shards: Iterable[int]) -> None:
        """Write into the leases that nobody holds them. What fails is tried again with the next balance."""
        mine = [s for s in shards if self._ours(self._held[s])]
        results = await asyncio.gather(*(self._set(s, "") for s in mine), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _bury(self) -> None:
        """Delete the heartbeats of workers that are long dead."""
        now = time.monotonic()
        for name, peer in list(self._peers.items()):
            if now - peer.seen > _BURIED_AFTER * self._ttl:
                with contextlib.suppress(WrongSequence):
                    await self._workers.delete(escape(name), peer.revision)
                self._peers.pop(name, None)


def _read(entry: Entry, take: Callable[[Entry], None]) -> None:
    """Take in what stands in a bucket; what cannot be read there stops nobody."""
    try:
        take(entry)
    except (ValueError, KeyError, TypeError) as e:
        log.warn("an entry in a bucket of the workers cannot be read", key=entry.key, error=str(e))


def _lease_of(entry: Entry) -> _Lease:
    """What a lease says; of one that cannot be read, that nobody has it."""
    try:
        said = {} if entry.deleted else orjson.loads(entry.value)
        return _Lease(str(said.get("worker", "")), str(said.get("boot", "")), entry.revision)
    except (ValueError, AttributeError) as e:
        log.warn("a lease cannot be read and is taken as free", key=entry.key, error=str(e))
        return _Lease("", "", entry.revision)


def _here() -> dict[str, str | int]:
    """Where this process runs, for others on this machine to see whether it still does."""
    return {"machine": this_machine(), "pid": os.getpid()}


def _boot_of(beat: bytes) -> str:
    try:
        return str(orjson.loads(beat)["boot"])
    except (ValueError, KeyError, TypeError):
        return ""


def _is_gone(beat: bytes) -> bool:
    """Whether the process that sent a heartbeat ran on this machine and runs no more."""
    try:
        said = orjson.loads(beat)
        return has_ended(str(said["machine"]), int(said["pid"]))
    except (ValueError, KeyError, TypeError):
        return False
