"""Parts of the log, by place and by time, on a real nats-server."""

from __future__ import annotations

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
async def bus(nats_server: NatsServer) -> Bus:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        for n in range(1, 31):
            await bus.publish(write_subject(*(MINE if n % 3 else OTHER)), f"m x={n}".encode(), {})
        yield bus


async def all_of(bus: Bus, after: int, until: int) -> list[int]:
    async with aclosing(read(bus, [MINE], WritesSeq(after), WritesSeq(until))) as reading:
        return [message.seq async for messages in reading for message in messages]


async def test_a_part_of_the_log_is_read_from_its_beginning_to_its_end(bus: Bus) -> None:
    assert await all_of(bus, 4, 10) == [5, 7, 8, 10]
    assert await all_of(bus, 4, 9) == [5, 7, 8]
    assert await all_of(bus, 28, 1000) == [29]
    assert await all_of(bus, 29, 30) == []
    assert await all_of(bus, 10, 10) == []


async def test_what_was_stored_by_a_time_is_found(bus: Bus) -> None:
    times = {n: found.time_ns for n in (1, 12, 30) if (found := await bus.get_message(WRITES, n)) is not None}
    assert await position_at(bus, times[12]) == 12
    assert await position_at(bus, times[12] - 1) == 11
    assert await position_at(bus, times[1] - 1) == 0
    assert await position_at(bus, times[30] + 10**9) == 30


async def test_messages_that_are_missing_in_the_middle_are_no_hindrance(bus: Bus) -> None:
    found = await bus.get_message(WRITES, 12)
    assert found is not None
    for n in (14, 15, 16):
        await bus.delete_message(WRITES, n)
    assert await position_at(bus, found.time_ns) == 12
    await bus.purge(WRITES, write_subject(*MINE), 20)
    await bus.purge(WRITES, write_subject(*OTHER), 20)
    assert await position_at(bus, found.time_ns) == 20
