"""Who holds which shard: leases in a KV bucket, taken by compare-and-set, kept by the heartbeats of their holder.

Bucket `leases`, key shard.N: who holds shard N; it may be taken from nobody, from a dead worker, and by a worker that
comes back under its own name. Who lives says services.bus.leases.membership. Other services share their work so in
buckets of their own.

Shards that nobody holds are left to a worker that is coming, where they will be its own: with many tasks it costs more
to hand them over than to wait. What is held is handed over only once the other takes shards.

A worker whose own heartbeat was not stored for `ttl` seconds (it stood still, or NATS did) may have been taken for
dead. It then does nothing for its shards until it has taken each of their leases once more by compare-and-set, which
fails for those that another worker has taken meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from services.bus.buckets.kv import Bucket, Entry
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.leases.membership import Membership
from services.bus.leases.shards import owner_of
from services.bus.leases.status import LeaseStatus
from services.process import log as logs

_PREFIX = "shard."


@dataclass(slots=True)
class _Lease:
    """holder: a worker's name, "" where nobody has it. boot: the token of its process."""

    holder: str
    boot: str
    revision: int


class Leases:
    """This worker's leases.

    `on_gain` and `on_release` are awaited when shards are won or are to be handed over; a lease is given up only after
    `on_release` is done, so that the next holder finds everything saved. It gives the shards that may go: the others,
    or all where it raises BusError, are kept, and it is called again later. `on_lost` tells of shards that are no
    longer ours: what ran there must stop emitting at once.
    """

    def __init__(
        self,
        bus: Bus,
        members: Membership,
        shards: int,
        on_gain: Callable[[set[int]], Awaitable[None]],
        on_release: Callable[[set[int]], Awaitable[set[int]]],
        on_lost: Callable[[set[int]], None],
        replicas: int = 1,
    ) -> None:
        """members: joined already. replicas: on how many servers of a cluster the bucket lies."""
        self._bus, self._members, self._shards, self._replicas = bus, members, shards, replicas
        self._worker, self._boot = members.name, members.boot
        self._log = logs.get(members.buckets.log)
        self._on_gain, self._on_release, self._on_lost = on_gain, on_release, on_lost
        self._leases: Bucket
        self._held: dict[int, _Lease] = {}
        self.owned: set[int] = set()
        self._gaining: set[int] = set()  # of them those that are just being taken up
        self._lost = 0  # since it was last logged
        self._changed = asyncio.Event()
        self._changing = asyncio.Lock()  # one change of our leases after another
        self._tasks: list[asyncio.Task[None]] = []
        self._beaten, self._stands = asyncio.Event(), asyncio.Event()
        members.changed = self._members_changed

    async def start(self, expected: int = 1) -> None:
        """Take part, and begin to take shards. expected: how many workers start together, this one included."""
        self._leases = await self._bus.bucket(self._members.buckets.leases, replicas=self._replicas)
        for entry in await self._leases.entries():
            self._read(entry)
        self._spawn(self._watch())
        self._spawn(self._keep_standing())
        await self._members.others_come(expected)
        await self._members.serve()
        await self._balance()
        self._spawn(self._keep_balance())

    async def stop(self) -> None:
        """Hand over every shard."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(BusError):
            await self._hand_over(set(self.owned))

    async def failed(self) -> None:
        """Return never, or raise what has ended one of the loops that keep leases and membership."""
        lost = asyncio.create_task(self._members.failed())
        try:
            done, _ = await asyncio.wait([*self._tasks, lost], return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        for task in done:
            task.result()

    def status(self, shard: int) -> LeaseStatus:
        """UNCERTAIN where this worker holds the shard, and may have been taken for dead."""
        if shard not in self.owned:
            return LeaseStatus.LOST
        return LeaseStatus.HELD if self.standing else LeaseStatus.UNCERTAIN

    @property
    def standing(self) -> bool:
        """Whether nobody can have taken this worker for dead since it was last known to hold its leases."""
        return self._members.standing

    def missing(self) -> int:
        """How many shards should be with this worker, by who lives now, and are not taken up yet."""
        alive, taken_up = self._members.alive(), self.owned - self._gaining
        return sum(owner_of(shard, alive) == self._worker for shard in set(range(self._shards)) - taken_up)

    async def stands(self) -> None:
        """Wait until `standing`."""
        while not self.standing:
            self._stands.clear()
            await self._stands.wait()

    def others(self) -> bool:
        """Whether other workers live, which could take over what runs here."""
        return len(self._members.alive()) > 1

    def alive(self) -> list[str]:
        """The workers that live and take shards, this one included."""
        return self._members.alive()

    def elsewhere(self, shard: int) -> bool:
        """Whether another worker that lives holds a shard, as far as is known."""
        lease = self._held.get(shard)
        return lease is not None and lease.holder != self._worker and self._members.lives(lease.holder)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _keep_balance(self) -> None:
        while True:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._members.interval):
                    await self._changed.wait()
            if not self.standing:
                continue
            try:
                await self._balance()
            except BusError as e:
                self._log.limited("balance").warn("leases cannot be changed", err=e)
                await asyncio.sleep(self._members.interval / 4)

    async def _keep_standing(self) -> None:
        """Beside everything else, since taking up the tasks of a shard may last long: claim again what was ours where
        we may have been taken for dead."""
        while True:
            self._beaten.clear()
            gap = self._members.gap
            if gap is None:
                await self._beaten.wait()
                continue
            try:
                async with self._changing:
                    if self.owned:
                        await self._claim_again()
                self._members.claimed(gap)
                self._stands.set()
            except BusError as e:
                self._log.limited("claim").warn("shards cannot be claimed again", err=e)
                await asyncio.sleep(self._members.interval / 4)

    def _members_changed(self) -> None:
        for event in (self._beaten, self._stands, self._changed):
            event.set()

    async def _claim_again(self) -> None:
        """What of ours is still ours. Whoever would take the rest at this moment fails."""
        claimed = sorted(self.owned)
        self._log.warn("this worker may have been taken for dead and claims its shards again", count=len(claimed))
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
        self._log.warn("lost leases to another worker", count=self._lost, owned=len(self.owned))
        self._lost = 0

    async def _watch(self) -> None:
        async for entry in self._leases.watch():
            self._read(entry)

    def _read(self, entry: Entry) -> None:
        """Take in what a lease says; what is none stops nobody."""
        try:
            self._saw_lease(entry)
        except (ValueError, KeyError, TypeError) as e:
            self._log.warn("an entry in a bucket of the workers cannot be read", key=entry.key, err=e)

    def _saw_lease(self, entry: Entry) -> None:
        shard = int(entry.key.removeprefix(_PREFIX))
        lease = self._lease_of(entry)
        known = self._held.get(shard)
        if known is not None and known.revision >= entry.revision:
            return
        self._held[shard] = lease
        if not self._ours(lease) and shard in self.owned:
            self._lose({shard})
        if not lease.holder:
            self._changed.set()

    async def _balance(self) -> None:
        alive = self._members.alive()
        soon = [*alive, *self._members.coming()]
        wanted = {s for s in range(self._shards) if owner_of(s, alive) == self._worker}
        surplus = self.owned - wanted
        if surplus:
            await self._hand_over(surplus)
        # what a process before this one left under our name nobody else may take: it does not come back
        unfinished = {s for s, one in self._held.items() if one.holder == self._worker} - self.owned - wanted
        async with self._changing:
            await self._give_up(unfinished)
            ours = sorted(s for s in wanted - self.owned if owner_of(s, soon) == self._worker)
            free = [s for s in ours if self._free(s, soon)]
            results = await asyncio.gather(*(self._take(s) for s in free), return_exceptions=True)
            gained = {s for s, ok in zip(free, results, strict=True) if ok is True}
            self.owned |= gained
        if gained:
            self._log.info("took shards", count=len(gained), owned=len(self.owned))
            self._gaining = gained
            try:
                await self._on_gain(gained)
            finally:
                self._gaining = set()
        for result in results:
            if isinstance(result, BaseException):
                raise result

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
            self._know(shard, _Lease("", "", e.last or 0) if entry is None else self._lease_of(entry))
        else:
            self._know(shard, _Lease(holder, boot, revision))
        held = self._held[shard]
        return (held.holder, held.boot) == (holder, boot)

    def _lease_of(self, entry: Entry) -> _Lease:
        """What a lease says; of one that cannot be read, that nobody has it."""
        try:
            record = {} if entry.deleted else orjson.loads(entry.value)
            return _Lease(str(record.get("worker", "")), str(record.get("boot", "")), entry.revision)
        except (ValueError, AttributeError) as e:
            self._log.warn("a lease cannot be read and is taken as free", key=entry.key, err=e)
            return _Lease("", "", entry.revision)

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
        going = await self._on_release(shards)
        if not going:
            return
        async with self._changing:
            self.owned -= going
            await self._give_up(s for s in going if self._ours(self._held[s]))
        self._log.info("handed shards over", count=len(going), owned=len(self.owned))

    async def _give_up(self, shards: Iterable[int]) -> None:
        """Write into the leases that nobody holds them. What fails is tried again with the next balance."""
        results = await asyncio.gather(*(self._set(s, "") for s in shards), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
