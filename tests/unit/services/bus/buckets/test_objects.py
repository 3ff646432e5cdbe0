"""Object stores on a real server."""

from __future__ import annotations

import asyncio
import os

import pytest

from services.bus.buckets.objects import Damaged
from services.bus.connection import Bus
from services.bus.follow import Follower
from tests.support.buckets import any_objects


async def test_objects_come_back_whole(bus: Bus) -> None:
    objects = await any_objects(bus, "snapshots")
    assert await objects.get("a") is None and await objects.list() == []
    big = os.urandom(5_000_001)
    await objects.put("täsk/1", big, {"position": "7"})
    await objects.put("empty", b"")
    assert await objects.get("täsk/1") == big and await objects.get("empty") == b""
    info = await objects.info("täsk/1")
    assert info is not None and (info.size, info.metadata) == (len(big), {"position": "7"})
    assert [(each.name, each.size) for each in await objects.list()] == [("empty", 0), ("täsk/1", len(big))]
    await objects.put("täsk/1", b"new")
    assert await objects.get("täsk/1") == b"new"
    await objects.delete("täsk/1")
    await objects.delete("never was")
    assert await objects.get("täsk/1") is None and await objects.info("täsk/1") is None
    assert [each.name for each in await objects.list()] == ["empty"]
    assert (await bus.stream_state("OBJ_snapshots")).bytes < 100_000


async def test_an_object_whose_storing_is_broken_off_is_the_old_one_or_the_new_one(bus: Bus) -> None:
    """Broken off at every turn of the event loop that it takes."""
    store = await any_objects(bus, "broken-off")
    await store.put("x", b"0")
    values = [b"0"]
    for turns in range(60):
        values.append(str(turns).encode() * 1000)
        putting = asyncio.create_task(store.put("x", values[-1]))
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns % 3 == 0:
            await asyncio.sleep(turns / 60_000)
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
        assert await store.get("x") in values


async def test_a_list_does_not_wait_for_what_is_replaced_meanwhile(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """JetStream has counted objects that are there no more when they are asked for."""
    objects = await any_objects(bus, "replaced")
    for name in "abcd":
        await objects.put(name, b"1")
    pull = Follower._pull
    changing: list[asyncio.Task[None]] = []

    async def change(follower: Follower) -> None:
        await objects.put("c", b"22")
        await objects.delete("d")
        pull(follower)

    def first_pull(follower: Follower) -> None:
        monkeypatch.undo()
        changing.append(asyncio.create_task(change(follower)))

    monkeypatch.setattr(Follower, "_pull", first_pull)
    async with asyncio.timeout(8):
        assert [(each.name, each.size) for each in await objects.list()] == [("a", 1), ("b", 1), ("c", 2)]
    assert changing


async def test_a_list_asks_again_where_nothing_comes(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = await any_objects(bus, "quiet")
    await objects.put("a", b"1")
    monkeypatch.setattr(Follower, "_pull", lambda follower: monkeypatch.undo())
    async with asyncio.timeout(30):
        assert [each.name for each in await objects.list()] == ["a"]


async def test_what_is_said_of_an_object_and_cannot_be_read_is_nothing(bus: Bus) -> None:
    objects = await any_objects(bus, "garbage")
    await objects.put("good", b"1")
    texts = (
        b"",
        b"\xff",
        b"[]",
        b"5",
        b"{}",
        b'{"nuid": 5}',
        b'{"name":"x","nuid":">","size":1,"chunks":1,"digest":""}',
    )
    for n, text in enumerate(texts):
        await bus.publish(objects._meta_subject(f"bad{n}"), text)
    await bus.publish("$O.garbage.M.not-base64!", b"{}")
    for n in range(len(texts)):
        assert await objects.get(f"bad{n}") is None and await objects.info(f"bad{n}") is None
    await objects.delete("bad0")
    assert [each.name for each in await objects.list()] == ["good"]
    await objects.put("bad1", b"is good now")
    assert await objects.get("bad1") == b"is good now"


async def test_an_object_of_which_a_part_is_lost_is_damaged(bus: Bus) -> None:
    objects = await any_objects(bus, "lost")
    await objects.put("x/1", b"1" * 100)
    await objects.put("x/2", b"2")
    await objects.put("y", b"3")
    await bus._link.api("STREAM.PURGE.OBJ_lost", {"filter": "$O.lost.C.>"})
    with pytest.raises(Damaged):
        await objects.get("x/1")
    await objects.purge("x/")
    assert [each.name for each in await objects.list()] == ["y"]
    await objects.put("x/1", b"again")
    assert await objects.get("x/1") == b"again"
