"""Dead letters: kept, shown, dropped, and not in anybody's way."""

from __future__ import annotations

import asyncio
import time

from services.bus.buckets.dead_letters import DEAD, MAX_DATA, counts
from services.bus.connection import Bus
from services.bus.follow import StoredMessage


def _message(seq: int, data: bytes = b"data") -> StoredMessage:
    return StoredMessage(seq, "tickbus.write.d=2Eb.rp", data, {"precision": "s", "x": "é\N{SNOWMAN}"}, time.time_ns())


async def _kept(bus: Bus, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await bus.dead_letters.all()) < count:
            await asyncio.sleep(0.02)


async def test_what_was_set_aside_can_be_looked_at(bus: Bus) -> None:
    letters = bus.dead_letters
    assert await letters.all() == [] and await letters.get(1) is None and await letters.drop() == 0
    before = counts().get("WRITES", 0)
    bus.set_aside("WRITES", _message(7), 'not "line protocol":\n%41 \N{SNOWMAN}')
    await _kept(bus, 1)
    bus.set_aside("WRITES", _message(8, b"x" * (MAX_DATA + 1)), "long")
    letters.keep("", 0, "tickbus.alert.a", b"no message", None, "too large")
    await _kept(bus, 3)
    first, long, other = await letters.all()
    assert (first.stream, first.seq, first.subject, first.by) == ("WRITES", 7, "tickbus.write.d=2Eb.rp", bus.name)
    assert first.why == 'not "line protocol":\n%41 \N{SNOWMAN}'
    assert first.headers == {"precision": "s", "x": "é\N{SNOWMAN}"} and first.data == b"data"
    assert (long.size, len(long.data)) == (MAX_DATA + 1, MAX_DATA)
    assert (other.stream, other.seq, other.subject) == ("none", 0, "tickbus.alert.a")
    assert counts()["WRITES"] == before + 2
    assert await letters.get(first.number) == first
    assert await letters.drop(first.number) == 1 and await letters.get(first.number) is None
    assert await letters.drop(12345) == 0
    assert await letters.drop() == 2 and await letters.all() == []


async def test_of_each_message_one_is_kept(bus: Bus) -> None:
    for _ in range(5):
        bus.set_aside("WRITES", _message(9), "again")
    bus.set_aside("WRITES", _message(10), "another")
    async with asyncio.timeout(20):
        while [one.seq for one in await bus.dead_letters.all()] != [9, 10]:
            await asyncio.sleep(0.02)
    await bus.dead_letters.drop()


async def test_thousands_are_counted_and_not_kept(bus: Bus) -> None:
    before, begun = counts().get("WRITES", 0), time.process_time()
    for seq in range(1, 5001):
        bus.set_aside("WRITES", _message(seq, b"x" * 1000), "one of many")
    assert time.process_time() - begun < 5
    assert counts()["WRITES"] == before + 5000
    await _kept(bus, 50)
    assert len(await bus.dead_letters.all()) < 1000
    # the stream may be deleted by hand; the next letter makes it again
    await bus._link.api(f"STREAM.DELETE.{DEAD}")
