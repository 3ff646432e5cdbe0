"""Parts of the log, by place and by time, on a real nats-server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.bus.connection import Bus
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.dryrun.log_reader import position_at, read
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

MINE, OTHER = ("db", "rp"), ("other", "rp")


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


async def written(bus: Bus) -> int:
    """Writes 30 messages, each third to another database; gives the place that they are behind."""
    behind = await bus.last_sequence(WRITES)
    for n in range(1, 31):
        await bus.publish(write_subject(*(MINE if n % 3 else OTHER)), f"m x={n}".encode(), {})
    return behind


async def time_of(bus: Bus, seq: int) -> int:
    found = await bus.get_message(WRITES, seq)
    assert found is not None
    return found.time_ns


async def test_a_part_of_the_log_is_read_from_its_beginning_to_its_end(bus: Bus) -> None:
    behind = await written(bus)

    async def numbers(after: int, until: int) -> list[int]:
        part = read(bus, [MINE], WritesSeq(behind + after), WritesSeq(behind + until))
        async with aclosing(part) as reading:
            return [message.seq - behind async for messages in reading for message in messages]

    assert await numbers(4, 10) == [5, 7, 8, 10]
    assert await numbers(4, 9) == [5, 7, 8]
    assert await numbers(28, 1000) == [29]
    assert await numbers(29, 30) == []
    assert await numbers(10, 10) == []


async def test_what_was_stored_by_a_time_is_found(bus: Bus) -> None:
    behind = await written(bus)
    twelfth, last = await time_of(bus, behind + 12), await time_of(bus, behind + 30)
    assert await position_at(bus, twelfth) == behind + 12
    assert await position_at(bus, twelfth - 1) == behind + 11
    assert await position_at(bus, last + 10**9) == behind + 30
    first = (await bus.stream_state(WRITES)).first_seq
    assert await position_at(bus, await time_of(bus, first) - 1) == first - 1


async def test_messages_that_are_missing_in_the_middle_are_no_hindrance(bus: Bus) -> None:
    behind = await written(bus)
    twelfth = await time_of(bus, behind + 12)
    for n in (14, 15, 16):
        await bus.delete_message(WRITES, behind + n)
    assert await position_at(bus, twelfth) == behind + 12
    for dbrp in (MINE, OTHER):
        await bus.purge(WRITES, write_subject(*dbrp), behind + 20)
    assert await position_at(bus, twelfth) == behind + 20
