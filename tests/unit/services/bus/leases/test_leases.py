"""Leases of workers that bear one name, of workers that are coming, and what in their bucket is none of theirs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest

from services.bus.connection import Bus
from services.bus.leases import membership
from services.bus.leases.leases import Leases
from services.bus.leases.membership import Membership, Replaced
from services.bus.leases.shards import owner_of
from services.bus.leases.status import LeaseStatus
from services.process.machine import this_machine
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

TTL, BEAT = 2.0, 0.3
SHARDS = 4
ALL = set(range(SHARDS))
OF_ONE = {s for s in ALL if owner_of(s, ["one", "two"]) == "one"}


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        for name in ("workers", "leases"):
            bucket = await bus.bucket(name)
            for entry in await bucket.entries():
                await bucket.delete(entry.key)
        yield bus


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """All processes seem to run on another machine, of which nothing can be told from here."""
    monkeypatch.setattr(membership, "_here", lambda: {"machine": "another", "pid": 1})


@dataclass
class One:
    """A worker's membership and leases, with what was gained and released."""

    members: Membership
    leases: Leases
    gained: list[set[int]] = field(default_factory=list)
    released: list[set[int]] = field(default_factory=list)

    async def stop(self) -> None:
        await self.leases.stop()
        await self.members.leave()

    async def silence(self) -> None:
        """What kill -9 does: no heartbeat any more, and no goodbye."""
        await self.members._in_thread(self.members._silence())
        for task in self.leases._tasks:
            task.cancel()
        await asyncio.gather(*self.leases._tasks, return_exceptions=True)


@pytest.fixture
async def workers(bus: Bus) -> AsyncIterator[Workers]:
    made = Workers(bus)
    yield made
    for one in made.all:
        one.members.end()


class Workers:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.all: list[One] = []

    def make(self, name: str = "one", kept: frozenset[int] = frozenset()) -> One:
        """kept: what it does not hand over."""

        async def gain(shards: set[int]) -> None:
            one.gained.append(shards)

        async def release(shards: set[int]) -> set[int]:
            one.released.append(shards - kept)
            return shards - kept

        members = Membership(self._bus, name, TTL, BEAT)
        one = One(members, Leases(self._bus, members, SHARDS, gain, release, lambda shards: None))
        self.all.append(one)
        return one

    async def started(self, one: One, shards: set[int] | None = None) -> One:
        """It has joined, if it has not before, and has all shards, or these."""
        if one.members._thread is None:
            await one.members.join()
        await one.leases.start()
        await self.has(one, ALL if shards is None else shards)
        return one

    async def has(self, one: One, shards: set[int]) -> None:
        async with asyncio.timeout(10 * TTL):
            while one.leases.owned != shards:
                await asyncio.sleep(BEAT / 4)


async def test_the_later_of_one_name_waits_for_the_end_of_the_former(workers: Workers) -> None:
    former, later = await workers.started(workers.make()), workers.make()
    starting = asyncio.create_task(workers.started(later))
    done, _ = await asyncio.wait([starting], timeout=3 * TTL)
    assert not done and former.leases.owned == ALL and not later.leases.owned
    await former.silence()
    await asyncio.wait_for(starting, 10 * TTL)
    assert later.leases.owned == ALL
    await later.stop()


async def test_the_former_ends_when_it_is_heard_again(workers: Workers) -> None:
    former, later = await workers.started(workers.make()), workers.make()
    await former.silence()
    await workers.started(later)
    with pytest.raises(Replaced):
        await former.members._in_thread(former.members._beat())
    assert not any(former.leases.status(shard) is LeaseStatus.HELD for shard in ALL)
    assert all(later.leases.status(shard) is LeaseStatus.HELD for shard in ALL)
    await later.stop()


async def test_a_lease_of_the_former_is_not_ours(workers: Workers) -> None:
    """Its own view of what it holds must not be confirmed by a lease that its successor has written."""
    former, later = await workers.started(workers.make()), workers.make()
    await former.silence()
    await workers.started(later)
    assert not await former.leases._take(0)
    assert later.leases.status(0) is LeaseStatus.HELD
    await later.stop()


async def test_what_a_former_process_left_is_shared_out(workers: Workers) -> None:
    """Another has come before the killed one is there again: it then may take what that one does not want any more."""
    former = await workers.started(workers.make())
    await former.silence()
    other, later = workers.make("two"), workers.make()
    for one in (other, later):
        await one.members.join()
        await one.leases.start()
    async with asyncio.timeout(10 * TTL):
        while other.leases.owned | later.leases.owned != ALL:
            await asyncio.sleep(BEAT / 4)
    assert other.leases.owned and later.leases.owned
    await later.stop()
    await other.stop()


async def test_the_shards_of_one_that_was_killed_on_this_machine_are_free_at_once(bus: Bus, workers: Workers) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    beat = {"worker": "two", "beat": 7, "boot": "former", "machine": this_machine(), "pid": int(ended.stdout)}
    await (await bus.bucket("workers")).put("two", orjson.dumps(beat))
    for shard in ALL:
        await (await bus.bucket("leases")).put(f"shard.{shard}", orjson.dumps({"worker": "two", "boot": "former"}))
    one = workers.make()
    await one.members.join()
    await one.leases.start()
    assert one.leases.owned == ALL and one.members.alive() == ["one"]
    await one.stop()


async def test_what_is_not_ready_to_be_handed_over_is_kept(workers: Workers) -> None:
    kept = frozenset(ALL - OF_ONE)
    one, two = await workers.started(workers.make(kept=kept)), workers.make("two")
    await two.members.join()
    await two.leases.start()
    async with asyncio.timeout(10 * TTL):
        while not one.leases.others():
            await asyncio.sleep(BEAT)
    await one.leases._balance()
    assert one.leases.owned == ALL and not two.leases.owned and all(two.leases.elsewhere(shard) for shard in kept)
    await one.stop()
    await two.stop()


async def test_what_cannot_be_read_in_the_bucket_stops_nobody(bus: Bus, workers: Workers) -> None:
    for key, value in (
        ("shard.x", b"{}"),
        ("nonsense", b"{}"),
        ("shard.1", b"not json"),
        ("shard.2", b"[]"),
    ):
        await (await bus.bucket("leases")).put(key, value)
    one = await workers.started(workers.make())
    await one.stop()


async def test_shards_that_nobody_holds_are_left_to_a_worker_that_is_coming(workers: Workers) -> None:
    one, two = workers.make("one"), workers.make("two")
    await two.members.join()
    await workers.started(one, OF_ONE)
    await workers.started(two, ALL - OF_ONE)
    assert one.released == two.released == [] and one.leases.owned == OF_ONE
    await one.stop()
    await two.stop()


async def test_what_is_held_is_kept_until_the_other_takes_shards(workers: Workers) -> None:
    one, two = await workers.started(workers.make("one")), workers.make("two")
    await two.members.join()
    await asyncio.sleep(2 * BEAT)
    assert one.leases.owned == ALL and one.members.coming() == ["two"] and not one.leases.others()
    await workers.started(two, ALL - OF_ONE)
    assert one.released == [ALL - OF_ONE] and one.leases.owned == OF_ONE
    await two.stop()
    await workers.has(one, ALL)
    await one.stop()


async def test_those_that_start_together_wait_for_each_other_for_a_heartbeat(workers: Workers) -> None:
    one, two = workers.make("one"), workers.make("two")
    await one.members.join()
    starting = asyncio.create_task(one.leases.start(expected=2))
    await asyncio.sleep(BEAT / 3)
    assert not one.gained
    await two.members.join()
    await asyncio.gather(starting, two.leases.start(expected=2))
    await workers.has(two, ALL - OF_ONE)  # not at once where it first learns of a lease that was deleted
    assert one.gained == [OF_ONE] and two.gained == [ALL - OF_ONE]
    await asyncio.gather(one.stop(), two.stop())


async def test_a_lone_worker_waits_for_nobody_for_longer_than_a_heartbeat(workers: Workers) -> None:
    one = workers.make()
    await one.members.join()
    async with asyncio.timeout(2 * BEAT):
        await one.leases.start(expected=2)
    assert one.gained == [ALL]
    await one.stop()


async def test_after_silence_nothing_is_ours_until_it_is_claimed_again(workers: Workers) -> None:
    """The thread lives again at once; the leases count only when the event loop has looked."""
    one = await workers.started(workers.make("one"))
    one.leases._tasks[1].cancel()
    one.members._stored -= TTL
    assert not one.leases.standing
    await one.members._in_thread(one.members._beat())
    assert not one.leases.standing and one.members.gap == 1
    one.leases._spawn(one.leases._keep_standing())
    async with asyncio.timeout(TTL):
        while not one.leases.standing:
            await asyncio.sleep(BEAT / 4)
    assert one.leases.owned == ALL
    await one.stop()
