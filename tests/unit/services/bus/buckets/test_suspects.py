"""What processes ended in, counted on the bus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.bus.buckets.suspects import BUCKET, TRIES, Suspects
from services.bus.connection import Bus
from services.bus.streams import EVENTS
from services.process.flight_recorder import EVERYWHERE, FLIGHT_RECORDER, RecordedWork

TASK = {"kind": "task", "id": "my.task", "run": 7, "at": "messages"}
MESSAGE = {"kind": "message", "id": EVENTS}


@pytest.fixture(autouse=True)
def _nothing_set_aside() -> Iterator[None]:
    yield
    FLIGHT_RECORDER.aside.clear()
    FLIGHT_RECORDER.suspected = {}


async def test_deaths_in_a_row_at_one_place_count(bus: Bus) -> None:
    suspects = await Suspects.open(bus)
    ranges = [(1, 100), (50, 150), (90, 95)]
    for deaths, (first, last) in enumerate(ranges, 1):
        found = await suspects.add(RecordedWork(TASK, first, last), False, "engine-0")
        assert (found.deaths, found.condemned) == (deaths, deaths == TRIES)
    assert (found.first, found.last) == (90, 95)
    (kept,) = await suspects.all()
    assert kept == found == await suspects.of("task", "my.task") and "3 times" in kept.why
    await suspects.clear(kept)
    assert not await suspects.all()


@pytest.mark.parametrize(
    "other", [RecordedWork(TASK, 200, 300), RecordedWork({**TASK, "run": 8}, 1, 100), RecordedWork(TASK, 101, 101)]
)
async def test_elsewhere_it_begins_anew(bus: Bus, other: RecordedWork) -> None:
    suspects = await Suspects.open(bus)
    for _ in range(TRIES - 1):
        await suspects.add(RecordedWork(TASK, 1, 100), False, "engine-0")
    found = await suspects.add(other, False, "engine-0")
    assert (found.deaths, found.condemned) == (1, False)
    await suspects.clear(found)


async def test_who_hung_is_not_tried_again(bus: Bus) -> None:
    suspects = await Suspects.open(bus)
    found = await suspects.add(RecordedWork(TASK, *EVERYWHERE), True, "engine-0")
    assert found.condemned and "did not get on" in found.why
    await suspects.clear(found)


async def test_a_message_is_found_and_set_aside(bus: Bus) -> None:
    suspects = await Suspects.open(bus)
    for _ in range(30):
        await bus.publish("tickbus.event.a.b.c", b"{}")
    await suspects.add(RecordedWork(MESSAGE, 10, 20), False, "engine-0")
    await suspects.note()
    assert FLIGHT_RECORDER.suspected == {EVENTS: (10, 20)} and not FLIGHT_RECORDER.aside[EVENTS]
    for _ in range(TRIES - 1):
        await suspects.add(RecordedWork(MESSAGE, 12, 12), False, "engine-0")
    await suspects.note()
    assert FLIGHT_RECORDER.suspected == {} and list(FLIGHT_RECORDER.aside[EVENTS]) == [12]
    # another one, while the first is still there
    for _ in range(2):
        await suspects.add(RecordedWork(MESSAGE, 25, 25), True, "gateway")
    await suspects.note()
    assert sorted(FLIGHT_RECORDER.aside[EVENTS]) == [12, 25]
    FLIGHT_RECORDER.aside.clear()
    await bus._link.api(f"STREAM.PURGE.{EVENTS}", {"seq": 20})
    await suspects.note()
    assert sorted(FLIGHT_RECORDER.aside[EVENTS]) == [25], "what the log has no more needs no note"
    assert not FLIGHT_RECORDER.suspected


async def test_what_has_its_number_in_another_log_is_not_set_aside(bus: Bus) -> None:
    suspects = await Suspects.open(bus)
    seq = (await bus.publish("tickbus.event.a.b.c", b"{}")).seq
    message = await bus.get_message(EVENTS, seq)
    assert message is not None
    for _ in range(TRIES):
        await suspects.add(RecordedWork(MESSAGE, seq, seq), False, "engine-0")
    await suspects.note()
    assert "3 times" in FLIGHT_RECORDER.deadly(EVENTS, seq, message.time_ns)
    assert not FLIGHT_RECORDER.deadly(EVENTS, seq, message.time_ns + 1)
    assert not FLIGHT_RECORDER.deadly(EVENTS, seq + 1, message.time_ns)


async def test_what_cannot_be_read_is_left_out(bus: Bus) -> None:
    suspects = await Suspects.open(bus)
    await suspects.add(RecordedWork(TASK, 1, 1), False, "engine-0")
    bucket = await bus.bucket(BUCKET)
    for n, garbage in enumerate((b"", b"\xff", b"[]", b"{}", b'{"what": 1}', b'{"what": {"kind": 1}, "first": 1}')):
        await bucket.put(f"garbage.{n}", garbage)
        await bucket.put(f"aside.EVENTS.{n}", garbage)
    await suspects.note()
    assert [one.what["id"] for one in await suspects.all()] == ["my.task"]
    await bucket.put("task.my=2Etask", b"\0")
    assert (await suspects.add(RecordedWork(TASK, 1, 1), False, "engine-0")).deaths == 1
    for what in ({}, {"kind": 1, "id": "x"}, {"kind": "task"}):
        with pytest.raises(ValueError, match="names nothing"):
            await suspects.add(RecordedWork(what, 1, 1), False, "engine-0")
