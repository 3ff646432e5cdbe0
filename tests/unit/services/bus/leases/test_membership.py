"""Who lives: heartbeats in a thread, for as long as the event loop turns, and what is heard of others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import orjson
import pytest

from services.bus.connection import Bus
from services.bus.leases import membership
from services.bus.leases.membership import Membership
from services.process.machine import has_ended, this_machine
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

TTL, BEAT = 2.0, 0.3


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        bucket = await bus.bucket("workers")
        for entry in await bucket.entries():
            await bucket.delete(entry.key)
        yield bus


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """All processes seem to run on another machine, of which nothing can be told from here."""
    monkeypatch.setattr(membership, "_here", lambda: {"machine": "another", "pid": 1})


@pytest.fixture
async def one(bus: Bus) -> AsyncIterator[Membership]:
    members = Membership(bus, "one", TTL, BEAT)
    yield members
    members.end()


@pytest.fixture
async def two(bus: Bus) -> AsyncIterator[Membership]:
    members = Membership(bus, "two", TTL, BEAT)
    yield members
    members.end()


async def test_a_busy_event_loop_is_not_taken_for_dead(bus: Bus, one: Membership) -> None:
    await one.join()
    bucket = await bus.bucket("workers")
    before = await bucket.get("one")
    busy(1.5 * TTL)
    assert one.standing
    after = await bucket.get("one")
    assert before is not None and after is not None
    assert orjson.loads(after.value)["beat"] >= orjson.loads(before.value)["beat"] + 5


async def test_an_event_loop_that_hangs_is(bus: Bus, one: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "HUNG_SECONDS", TTL / 4)
    await one.join()
    busy(2 * TTL)
    assert not one.standing and not one.gap
    async with asyncio.timeout(5 * TTL):
        while one.gap is None:
            await asyncio.sleep(BEAT / 4)
    assert not one.standing
    one.claimed(one.gap)
    assert one.standing


async def test_a_worker_that_has_lost_its_connection_for_good_is_silent(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heartbeats go over one of their own, which may be with another server."""
    monkeypatch.setattr(membership, "HUNG_SECONDS", TTL / 4)
    own = await Bus.connect(nats_server.url, "own")
    three = Membership(own, "three", TTL, BEAT)
    await three.join()
    await own.close()
    async with asyncio.timeout(5 * TTL):
        while three.standing:
            await asyncio.sleep(BEAT / 4)
    await three.leave()
    assert "three" not in {entry.key for entry in await (await bus.bucket("workers")).entries()}


async def test_others_are_heard_while_the_event_loop_is_busy(bus: Bus, one: Membership, two: Membership) -> None:
    await one.join()
    await two.join()
    await two.serve()
    async with asyncio.timeout(TTL):
        while "two" not in one.alive():
            await asyncio.sleep(BEAT / 4)
    busy(1.5 * TTL)
    assert one.alive() == ["one", "two"]


async def test_who_says_goodbye_is_gone_at_once(one: Membership, two: Membership) -> None:
    await two.join()
    await one.join()
    assert one.coming() == ["two"] and one.alive() == ["one"]
    await two.leave()
    async with asyncio.timeout(TTL / 2):
        while one.coming():
            await asyncio.sleep(BEAT / 8)


async def test_a_worker_that_is_coming_for_too_long_is_waited_for_no_more(
    one: Membership, two: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "_COMING", 0.3)
    await two.join()
    await one.join()
    assert one.coming() == ["two"]
    async with asyncio.timeout(TTL):
        while one.coming():
            await asyncio.sleep(BEAT / 8)
    await two.serve()
    async with asyncio.timeout(TTL):
        while one.alive() != ["one", "two"]:
            await asyncio.sleep(BEAT / 8)


async def test_who_comes_back_after_a_kill_on_this_machine_does_not_wait(bus: Bus, one: Membership) -> None:
    pid = ended_process()
    beat = {"beat": 7, "boot": "former", "machine": this_machine(), "pid": pid}
    bucket = await bus.bucket("workers")
    for name in ("one", "two"):
        await bucket.put(name, orjson.dumps({"worker": name, **beat}))
    begun = time.monotonic()
    await one.join()
    assert time.monotonic() - begun < TTL / 2
    assert one.alive() == ["one"] and not one.coming()


async def test_who_is_killed_on_this_machine_is_dead_at_once(
    one: Membership, two: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeping = await asyncio.create_subprocess_exec("sleep", "60")
    monkeypatch.setattr(membership, "_here", lambda: {"machine": this_machine(), "pid": sleeping.pid})
    await two.join()
    await two.serve()
    await one.join()
    assert one.alive() == ["one", "two"] and one.lives("two")
    await two._in_thread(two._silence())
    sleeping.kill()
    await sleeping.wait()
    assert one.alive() == ["one"] and not one.lives("two")


async def test_who_leaves_lets_the_heartbeat_of_its_successor_stand(bus: Bus, one: Membership) -> None:
    bucket, later = await bus.bucket("workers"), Membership(bus, "one", TTL, BEAT)
    await one.join()
    await one._in_thread(one._silence())
    await later.join()
    await one.leave()
    assert await bucket.get("one") is not None
    await later.leave()
    assert await bucket.get("one") is None


async def test_it_is_not_told_of_other_machines_whether_a_process_runs() -> None:
    assert not has_ended("another", 1)
    assert not has_ended("", 1)
    assert not has_ended(this_machine(), 1)


async def test_what_cannot_be_read_in_the_bucket_stops_nobody(bus: Bus, one: Membership) -> None:
    bucket = await bus.bucket("workers")
    for key, value in (("=ZZ", b"{}"), ("two", b"not json"), ("three", b"[]"), ("four", b'{"machine":1,"pid":"x"}')):
        await bucket.put(key, value)
    await one.join()
    await one.serve()
    assert "one" in one.alive()


def busy(seconds: float) -> None:
    """What a long step does to the event loop."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


def ended_process() -> int:
    """The number of a process that runs no more."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    pid = int(ended.stdout)
    assert has_ended(this_machine(), pid)
    return pid


@pytest.mark.parametrize("again", [False, True])
async def test_who_has_lost_what_it_shares_by_ends(nats_server: NatsServer, again: bool) -> None:
    """A backup was restored under running services, say, or NATS has lost its disk."""
    buckets = membership.Buckets("alertings", "alerting-leases")
    async with await Bus.connect(nats_server.url, "test") as bus:
        members = Membership(bus, "one", 0.5, 0.1, buckets=buckets)
        await members.join()
        try:
            await bus._link.api("STREAM.DELETE.KV_alertings")
            if again:
                await bus.bucket("alertings")
            async with asyncio.timeout(10):
                with pytest.raises(membership.SharedLost, match="alertings was deleted or made anew"):
                    await members.failed()
        finally:
            members.end()
