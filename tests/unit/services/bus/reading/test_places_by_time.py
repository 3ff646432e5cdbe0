"""Places in the log by the time at which messages were stored, on a real nats-server."""

from __future__ import annotations

import time

from services.bus.connection import Bus
from services.bus.reading.places_by_time import position_at, whole_since
from services.bus.streams import WRITES
from services.bus.subjects import write_subject

MINE, OTHER = ("db", "rp"), ("other", "rp")


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


async def test_a_log_that_nothing_was_written_to(bus: Bus) -> None:
    assert await bus.last_sequence(WRITES) == 0, "this test comes first"
    assert await position_at(bus, time.time_ns()) == await position_at(bus, 1) == 0
    assert await whole_since(bus) == 0


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


async def test_since_when_the_log_is_whole(bus: Bus) -> None:
    behind = await written(bus)
    await bus._link.api("STREAM.PURGE.WRITES", {"seq": behind + 11})
    assert await whole_since(bus) == await time_of(bus, behind + 11)
    for n in (11, 12):
        await bus.delete_message(WRITES, behind + n)
    assert await whole_since(bus) == await time_of(bus, behind + 13)
    before = time.time_ns()
    await bus._link.api("STREAM.PURGE.WRITES", {})
    assert before <= await whole_since(bus) <= time.time_ns()


async def test_a_long_part_of_it_that_is_missing_is_no_hindrance(bus: Bus) -> None:
    first = await bus.last_sequence(WRITES) + 1
    for subject in (*(write_subject(*MINE) for _ in range(3)), *(write_subject(*OTHER) for _ in range(200))):
        last = (await bus.publish(subject, b"m x=1", {})).seq
    third = await time_of(bus, first + 2)
    mine = (await bus.publish(write_subject(*MINE), b"m x=1", {})).seq
    await bus.purge(WRITES, write_subject(*OTHER), last)
    assert await position_at(bus, third) == first + 2
    assert await position_at(bus, await time_of(bus, mine)) == mine
