"""When the wall's clock counts: once all of the log was taken, and somebody would store more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.bus.follow import Follower
from services.bus.subjects import request_subject, write_subject
from services.engine.worker.log_clock import PAUSE, LogClock
from tests.support.nats import NatsServer

SECOND = 10**9
SUBJECT = write_subject("db", "rp")


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        async with await Bus.connect(server.url, "test") as bus:
            await bus.ensure_streams()
            yield bus
    finally:
        server.stop()


async def connected(follower: Follower) -> None:
    async with asyncio.timeout(20):
        while not follower.connected:
            await asyncio.sleep(0.01)


async def takes_writes(data: bytes, headers: Mapping[str, str]) -> bytes:
    return b"{}"


async def test_the_wall_counts_once_all_is_taken_and_a_gateway_is_there(bus: Bus) -> None:
    stored = await bus.publish(SUBJECT, b"m v=1")
    clock = LogClock(bus)
    clock.begin([SUBJECT])
    async with bus.follow("WRITES", [SUBJECT], 0) as follower:
        await connected(follower)
        clock.look(follower)
        assert await clock.up_to(follower, 0, 0) is None, "there is a message"
        message = (await follower.batch())[-1]
        assert await clock.up_to(follower, 0, 0) is None, "it is not taken"
        await asyncio.sleep(1.1)  # the log is asked for its end once a second
        assert await clock.up_to(follower, message.seq, message.time_ns) is None, "nobody stores anything"
        answering = bus.answer(request_subject("gateway", "writes"), takes_writes)
        async with asyncio.timeout(20):
            while (to := await clock.up_to(follower, stored.seq, message.time_ns)) is None:
                await asyncio.sleep(0.05)
        assert 0 <= time.time_ns() - to < SECOND
        answering.stop()
        assert await clock.up_to(follower, stored.seq, message.time_ns) is not None, "it is sure from then on"


async def test_a_message_tells_that_somebody_stores(bus: Bus) -> None:
    clock = LogClock(bus)
    clock.begin([SUBJECT])
    async with bus.follow("WRITES", [SUBJECT], 0) as follower:
        await connected(follower)
        clock.look(follower)
        assert await clock.up_to(follower, 0, 0) is None
        await bus.publish(SUBJECT, b"m v=1")
        message = (await follower.batch())[-1]
        async with asyncio.timeout(20):
            while await clock.up_to(follower, message.seq, message.time_ns) is None:
                await asyncio.sleep(0.05)


async def test_only_a_silence_over_the_worker_s_own_beginning_may_not_have_been_observed(bus: Bus) -> None:
    before = time.time_ns()
    clock = LogClock(bus)
    for last, stamp, expected in [
        (-60, 5, True),  # since long before it came up
        (-60, -10, True),  # what stores may have come up a little before it
        (-90, -50, False),  # others wrote later, and it was still not there
        (-2, 0.5, False),  # not long
        (5, 60, False),  # it was there
    ]:
        found = clock.unobserved(before + round(last * SECOND), before + round(stamp * SECOND))
        assert found is expected, (last, stamp)
    assert PAUSE == 3 * SECOND
