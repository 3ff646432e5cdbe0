"""Leases of workers that bear one name, and what in their buckets is none of theirs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import orjson
import pytest

from services.bus.connection import Bus
from services.engine import leases as module
from services.engine.leases import Leases, Replaced
from services.machine import has_ended, this_machine
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

TTL, BEAT = 2.0, 0.3


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        for name in ("workers", "leases"):
            bucket = await bus.bucket(name)
            for entry in await bucket.entries():
                await bucket.delete(entry.key)
        yield bus


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both processes of a name seem to run on another machine, of which nothing can be told from here."""
    monkeypatch.setattr(module, "_here", lambda: {"machine": "another", "pid": 1})


def leases(bus: Bus, name: str = "one") -> Leases:
    async def nothing(shards: set[int]) -> None:
        pass

    return Leases(bus, name, 4, TTL, BEAT, nothing, nothing, lambda shards: None)


async def silence(one: Leases) -> None:
    """What kill -9 does: no heartbeat any more, and no goodbye."""
    for task in one._tasks:
        task.cancel()
    await asyncio.gather(*one._tasks, return_exceptions=True)


async def started(one: Leases) -> Leases:
    """It has joined and has all shards."""
    await one.start()
    async with asyncio.timeout(10 * TTL):
        while one.owned != {0, 1, 2, 3}:
            await asyncio.sleep(BEAT / 4)
    return one


async def test_the_later_of_one_name_waits_for_the_end_of_the_former(bus: Bus, elsewhere: None) -> None:
    former, later = await started(leases(bus)), leases(bus)
    starting = asyncio.create_task(started(later))
    done, _ = await asyncio.wait([starting], timeout=3 * TTL)
    assert not done and former.owned == {0, 1, 2, 3} and not later.owned
    await silence(former)
    await asyncio.wait_for(starting, 10 * TTL)
    assert later.owned == {0, 1, 2, 3}
    await later.stop()


async def test_the_former_ends_when_it_is_heard_again(bus: Bus, elsewhere: None) -> None:
    former, later = await started(leases(bus)), leases(bus)
    await silence(former)
    await started(later)
    with pytest.raises(Replaced):
        await former._beat()
    assert not any(former.valid(shard) for shard in range(4))
    assert all(later.valid(shard) for shard in range(4))
    await later.stop()


async def test_a_lease_of_the_former_is_not_ours(bus: Bus, elsewhere: None) -> None:
    """Its own view of what it holds must not be confirmed by a lease that its successor has written."""
    former, later = await started(leases(bus)), leases(bus)
    await silence(former)
    await started(later)
    assert not await former._take(0)
    assert later.valid(0)
    await later.stop()


async def test_who_comes_back_after_a_kill_on_this_machine_does_not_wait(bus: Bus) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    pid = int(ended.stdout)
    assert has_ended(this_machine(), pid)
    workers = await bus.bucket("workers")
    beat = {"worker": "one", "beat": 7, "boot": "former", "machine": this_machine(), "pid": pid}
    await workers.put("one", orjson.dumps(beat))
    one = leases(bus)
    begun = time.monotonic()
    await one.start()
    assert time.monotonic() - begun < TTL / 2
    assert not one.others()
    await one.stop()


async def test_it_is_not_told_of_other_machines_whether_a_process_runs() -> None:
    assert not has_ended("another", 1)
    assert not has_ended("", 1)
    assert not has_ended(this_machine(), 1)


async def test_what_cannot_be_read_in_the_buckets_stops_nobody(bus: Bus) -> None:
    for bucket, key, value in (
        ("leases", "shard.x", b"{}"),
        ("leases", "nonsense", b"{}"),
        ("leases", "shard.1", b"not json"),
        ("leases", "shard.2", b"[]"),
        ("workers", "=ZZ", b"{}"),
        ("workers", "two", b"not json"),
    ):
        await (await bus.bucket(bucket)).put(key, value)
    one = leases(bus)
    await one.start()
    async with asyncio.timeout(10 * TTL):
        while not {1, 2} & one.owned:
            await asyncio.sleep(BEAT)
    await one.stop()
