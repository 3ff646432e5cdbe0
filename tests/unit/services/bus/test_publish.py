"""Publishing with acknowledgement, on a real server."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.bus.connection import Bus
from services.bus.errors import BusUnavailable, PayloadTooLarge, WrongSequence
from services.bus.publish import _Gate
from services.bus.subjects import event_subject
from tests.support.nats import NatsServer


async def test_an_ack_says_where_it_lies(bus: Bus) -> None:
    subject = event_subject("task", "a.b c", "defined")
    ack = await bus.publish(subject, b"1", {"Key": "välue"})
    assert (ack.stream, ack.duplicate) == ("EVENTS", False)
    message = await bus.last_message(subject)
    assert message is not None
    assert (message.seq, message.subject, message.data, message.headers) == (ack.seq, subject, b"1", {"Key": "välue"})
    assert abs(message.time_ns - time.time_ns()) < 60e9
    assert await bus.get_message("EVENTS", ack.seq) == message
    assert await bus.get_message("EVENTS", ack.seq + 1) is None
    assert await bus.last_sequence("EVENTS") == await bus.last_subject_sequence(subject) == ack.seq
    assert await bus.last_subject_sequence("tickbus.event.task.nobody.defined") == 0


async def test_the_last_sequence_is_told_however_large_the_message(bus: Bus) -> None:
    ack = await bus.publish("tickbus.write.large.rp", bytes(bus.max_payload - 1000))
    assert await bus.last_subject_sequence("tickbus.write.large.>") == ack.seq


async def test_of_two_changes_one_wins(bus: Bus) -> None:
    subject = event_subject("task", "raced", "defined")
    results = await asyncio.gather(
        *(bus.publish(subject, b"%d" % n, expect_last=0) for n in range(10)), return_exceptions=True
    )
    acks = [result for result in results if not isinstance(result, BaseException)]
    lost = [result for result in results if isinstance(result, WrongSequence)]
    assert len(acks) == 1 and len(lost) == 9
    assert {error.last for error in lost} == {acks[0].seq}
    second = await bus.publish(subject, b"", expect_last=acks[0].seq)
    assert second.seq > acks[0].seq


async def test_a_message_id_is_stored_once(bus: Bus) -> None:
    first = await bus.publish("tickbus.write.db.rp", b"x", msg_id="one")
    again = await bus.publish("tickbus.write.db.rp", b"x", msg_id="one")
    assert (again.seq, again.duplicate, first.duplicate) == (first.seq, True, False)


async def test_what_cannot_be_published(bus: Bus) -> None:
    with pytest.raises(PayloadTooLarge):
        await bus.publish("tickbus.write.db.rp", bytes(bus.max_payload + 1))
    with pytest.raises(PayloadTooLarge):
        await bus.publish("tickbus.write.db.rp", bytes(bus.max_payload), {"a": "b"})
    with pytest.raises(ValueError, match="line break"):
        await bus.publish("tickbus.write.db.rp", b"", {"a": "b\r\nc"})
    with pytest.raises(BusUnavailable):
        await bus.publish("no.stream.takes.this", b"")
    assert (await bus.publish("tickbus.write.db.rp", b"fine")).stream == "WRITES"
    assert bus.in_flight == 0


async def test_a_server_that_hangs_or_is_away(bus: Bus, nats_server: NatsServer) -> None:
    nats_server.freeze()
    try:
        start = time.monotonic()
        with pytest.raises(BusUnavailable, match=r"within 0\.2 s"):
            await bus.publish("tickbus.write.db.rp", b"", timeout=0.2)
        assert time.monotonic() - start < 4
    finally:
        nats_server.thaw()
    hanging = [asyncio.create_task(bus.publish("tickbus.write.db.rp", b"%d" % n, timeout=30)) for n in range(100)]
    nats_server.stop(kill=True)
    results = await asyncio.wait_for(asyncio.gather(*hanging, return_exceptions=True), 15)
    assert all(isinstance(result, BusUnavailable) for result in results if isinstance(result, BaseException))
    start = time.monotonic()
    with pytest.raises(BusUnavailable):
        await bus.publish("tickbus.write.db.rp", b"")
    assert time.monotonic() - start < 4
    nats_server.start()
    deadline = time.monotonic() + 10
    while True:
        try:
            await bus.publish("tickbus.write.db.rp", b"back")
            break
        except BusUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    assert bus.in_flight == 0


async def test_the_gate_bounds_what_is_on_its_way() -> None:
    gate = _Gate(max_count=3, max_bytes=100)
    assert gate.enter_now(60) and not gate.enter_now(60)
    waiting = asyncio.create_task(gate.enter(60, 5))
    await asyncio.sleep(0)
    assert not gate.enter_now(1), "a small one does not overtake"
    with pytest.raises(BusUnavailable):
        await gate.enter(1, 0.01)
    gate.leave(60)
    await waiting
    gate.leave(60)
    assert gate.count == 0
    assert gate.enter_now(1000), "one over the limit goes by itself"


async def test_who_waits_at_the_gate_is_broken_off_though_there_is_room_by_then() -> None:
    for turns in range(4):
        gate = _Gate(max_count=1, max_bytes=100)
        assert gate.enter_now(1)
        waiting = asyncio.create_task(gate.enter(1, 5))
        await asyncio.sleep(0)
        gate.leave(1)
        for _ in range(turns):
            await asyncio.sleep(0)
        broken_off = waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled() == broken_off and gate.count == (0 if broken_off else 1)
