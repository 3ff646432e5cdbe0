"""Parts of the log, by place and by time, on a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.bus.connection import Bus
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.dryrun.log_reader import read
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

MINE, OTHER = ("db", "rp"), ("other", "rp")
MUCH = 16 << 20  # bytes: more is not sent before some of it was read
PADDED = b'm x="' + b"x" * 500_000 + b'" '


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


async def test_what_is_let_go_while_it_is_read_is_not_waited_for(bus: Bus) -> None:
    """Nothing else is ever written: what JetStream has counted and dropped again never comes."""
    behind = await bus.last_sequence(WRITES)
    for n in range(4 * MUCH // len(PADDED)):
        await bus.publish(write_subject(*MINE), PADDED + str(n).encode(), {})
    last = await bus.last_sequence(WRITES)
    async with asyncio.timeout(60), aclosing(read(bus, [MINE], WritesSeq(behind), WritesSeq(last))) as reading:
        seen = []
        async for messages in reading:
            seen += [message.seq for message in messages]
            await bus.purge(WRITES, "tickbus.write.>", last)  # once the first of it has come
    assert seen == [*range(behind + 1, seen[-1] + 1)] and behind < seen[-1] < last
