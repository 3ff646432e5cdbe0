"""Key-value buckets on a real server."""

from __future__ import annotations

import asyncio

import pytest

from services.bus.buckets.kv import Entry
from services.bus.connection import Bus
from services.bus.errors import WrongSequence
from tests.support.buckets import any_bucket
from tests.support.nats import NatsServer


async def test_compare_and_set(bus: Bus) -> None:
    bucket = await bus.bucket("leases")
    first = await bucket.create("shard.1", b"a")
    with pytest.raises(WrongSequence):
        await bucket.create("shard.1", b"b")
    second = await bucket.update("shard.1", b"b", first)
    with pytest.raises(WrongSequence):
        await bucket.update("shard.1", b"c", first)
    entry = await bucket.get("shard.1")
    assert entry is not None and (entry.value, entry.revision, entry.deleted) == (b"b", second, False)
    with pytest.raises(WrongSequence):
        await bucket.delete("shard.1", first)
    await bucket.delete("shard.1", second)
    assert await bucket.get("shard.1") is None
    third = await bucket.create("shard.1", b"d")
    assert third > second
    await bucket.put("shard.2", b"e")
    assert {entry.key: entry.value for entry in await bucket.entries("shard.*")} == {"shard.1": b"d", "shard.2": b"e"}
    assert await bucket.entries("other.>") == []


async def test_a_key_expires_and_the_watcher_hears_of_it(bus: Bus) -> None:
    bucket = await any_bucket(bus, "expiring", ttl=1.0)
    await bucket.put("one", b"1")
    seen: list[tuple[bytes, bool]] = []
    async for entry in bucket.watch():
        seen.append((entry.value, entry.deleted))
        if entry.deleted:
            break
    assert seen == [(b"1", False), (b"", True)]
    assert await bucket.get("one") is None
    await bucket.create("one", b"2")


async def test_a_watch_goes_on_after_a_restart(bus: Bus, nats_server: NatsServer) -> None:
    bucket = await any_bucket(bus, "watched")
    await bucket.put("a", b"1")
    entries: asyncio.Queue[Entry] = asyncio.Queue()

    async def watch() -> None:
        async for entry in bucket.watch("*"):
            entries.put_nowait(entry)

    watching = asyncio.create_task(watch())
    assert (await entries.get()).value == b"1"
    await nats_server.restart()
    while not bus.connected:
        await asyncio.sleep(0.01)
    await bucket.put("a", b"2")
    await bucket.put("b", b"3")
    changes = [await asyncio.wait_for(entries.get(), 30) for _ in range(2)]
    assert [(entry.key, entry.value) for entry in changes] == [("a", b"2"), ("b", b"3")]
    watching.cancel()


async def test_a_bad_key_is_refused(bus: Bus) -> None:
    bucket = await any_bucket(bus, "strict")
    for key in ("", "a b", ".a", "a.", "a..b", "a*", ">"):
        with pytest.raises(ValueError, match="not a key"):
            await bucket.put(key, b"")


async def test_the_mark_of_a_deletion_does_not_stay_for_ever(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.bus.buckets.kv._DELETED_TTL", "1s")
    bucket = await any_bucket(bus, "marks")
    await bucket.put("a", b"1")
    await bucket.put("b", b"1")
    await bucket.delete("a")
    async with asyncio.timeout(20):
        while (await bus.stream_state("KV_marks")).messages > 1:
            await asyncio.sleep(0.1)
    assert [entry.key for entry in await bucket.entries()] == ["b"]
    assert await bucket.create("a", b"2") > 0
