"""How topics stood when a run started: asked, kept on the bus, found by whoever has the run later, and let go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest

from services.bus.connection import Bus
from services.bus.follow import stored
from services.bus.subjects import request_subject
from services.runtime.progress import topic_levels as remembering
from services.runtime.progress.topic_levels import Remembering
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

Levels = Mapping[str, Mapping[str, tuple[int, int, int]]]
LEVELS: Levels = {"main:t:alert2": {"a": (3, 5, 2), "b": (0, 6, 0)}, "named": {"b": (2, 7, 1)}}


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as connection:
        await connection.ensure_streams()
        yield connection


def plain(levels: Levels) -> dict[str, dict[str, tuple[int, int, int]]]:
    return {topic: dict(stood) for topic, stood in levels.items()}


async def test_what_is_asked_leaves_out_what_is_ok_everywhere(bus: Bus) -> None:
    asked: list[Any] = []

    async def answer(data: bytes, headers: Any) -> bytes:
        asked.append(orjson.loads(data))
        return orjson.dumps({"own": {"a": [3, 5, 2], "b": [0, 6, 0], "c": [0, 1, 0]}, "named": {"b": [2, 7, 1]}})

    answering = bus.answer(request_subject("alerting", "levels"), answer)
    await bus.last_sequence("ALERTS")
    levels = await Remembering(bus).ask(["own", "named"], 12)
    answering.stop()
    assert asked == [{"topics": ["own", "named"], "after": 12, "not_ok": True}]
    assert plain(levels) == {"own": {"a": (3, 5, 2), "b": (0, 6, 0)}, "named": {"b": (2, 7, 1)}}
    assert await Remembering(bus).ask([], 12) == {}


async def test_whoever_has_the_run_later_finds_the_same(bus: Bus) -> None:
    name = await Remembering(bus).keep("täsk/1", 7, LEVELS)
    again, other = Remembering(bus), Remembering(bus)
    assert plain(await again.find(name)) == plain(LEVELS)
    # of the same what is the same has one name, and another does not write over it
    assert await other.keep("täsk/1", 7, LEVELS) == name
    changed = await other.keep("täsk/1", 7, {"named": {"b": (1, 9, 0)}})
    assert changed != name and plain(await again.find(name)) == plain(LEVELS)
    await other.forget(changed)
    await other.forget(name)
    await other.forget("")
    assert not await stored(bus._link, "OBJ_levels", "$O.levels.>"), "nothing is left of it, nor a mark"


async def test_nothing_to_remember_takes_no_room(bus: Bus) -> None:
    one = Remembering(bus)
    assert await one.keep("t", 7, {"own": {}}) == "" and await one.find("") == {}


async def test_what_is_lost_or_damaged_is_as_if_there_was_nothing(bus: Bus) -> None:
    one = Remembering(bus)
    name = await one.keep("t", 7, LEVELS)
    objects = await bus.objects("levels")
    await objects.put(name, b"no zlib")
    assert await one.find(name) == {}
    await objects.put(name, b"x" * 100)
    await bus._link.api("STREAM.PURGE.OBJ_levels", {"filter": "$O.levels.C.>"})
    assert await one.find(name) == {}
    assert await one.find("t/7/never") == {}
    await objects.delete(name)


async def test_what_is_left_over_is_swept_up(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Remembering(bus)
    names = [await one.keep(task, 7, LEVELS) for task in ("gone", "there")]
    await one.sweep(lambda task, name: task == "gone")
    assert plain(await one.find(names[0])) == plain(LEVELS), "it may be about to be named"
    monkeypatch.setattr(remembering, "_LEFT_NS", 0)
    await one.sweep(lambda task, name: task == "gone")
    assert await one.find(names[0]) == {} and plain(await one.find(names[1])) == plain(LEVELS)
    await one.forget(names[1])


async def test_two_hundred_thousand_alerts(bus: Bus) -> None:
    many = {"named": {f"cpu:host=h{i}": (3, 1_700_000_000_000_000_000 + i * 7919, i) for i in range(200_000)}}
    one = Remembering(bus)
    name = await one.keep("t", 7, many)
    found = await one.find(name)
    assert len(found["named"]) == 200_000
    assert found["named"]["cpu:host=h199999"] == many["named"]["cpu:host=h199999"]
    await one.forget(name)
