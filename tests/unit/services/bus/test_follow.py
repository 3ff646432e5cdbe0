"""Following a stream on a real server, through everything that breaks."""

from __future__ import annotations

import asyncio
import os

import pytest

from services.bus.connection import Bus
from services.bus.errors import BusUnavailable, StreamWentBack
from services.bus.follow import Follower, StoredMessage, covers
from services.bus.transport import headers as wire
from tests.support.nats import NatsServer


async def take(follower: Follower, count: int) -> list[StoredMessage]:
    messages: list[StoredMessage] = []
    while len(messages) < count:
        messages += await asyncio.wait_for(follower.batch(), 20)
    return messages


async def publish_many(bus: Bus, subject: str, payloads: list[bytes]) -> list[int]:
    """Publish in order, again where the bus is away. A repeat may store a message twice."""
    seqs = []
    for payload in payloads:
        while True:
            try:
                seqs.append((await bus.publish(subject, payload, timeout=2)).seq)
                break
            except BusUnavailable:
                await asyncio.sleep(0.01)
    return seqs


async def test_everything_in_order_from_a_position(bus: Bus) -> None:
    subject = "tickbus.write.order.rp"
    seqs = await publish_many(bus, subject, [b"%d" % n for n in range(50)])
    await bus.publish("tickbus.write.order.other", b"not this")
    async with bus.follow("WRITES", [subject], max_messages=7) as follower:
        assert await follower.lag() == 50
        first = await asyncio.wait_for(follower.batch(), 30)
        assert 1 <= len(first) <= 7
        assert (follower.position, follower.pending) == (first[-1].seq, 50 - len(first))
        messages = first + await take(follower, 50 - len(first))
        assert [(m.seq, m.data, m.subject, m.headers) for m in messages] == [
            (seq, b"%d" % n, subject, None) for n, seq in enumerate(seqs)
        ]
        assert (follower.position, follower.pending) == (seqs[-1], 0)
        waiting = asyncio.create_task(follower.batch())
        ack = await bus.publish(subject, b"live", {"A": "b", "Nats-Msg-Id": "x"})
        live = await asyncio.wait_for(waiting, 30)
        assert [(m.seq, m.data) for m in live] == [(ack.seq, b"live")]
        assert live[0].headers == {"A": "b", "Nats-Msg-Id": "x"}
    async with bus.follow("WRITES", ["tickbus.write.order.>", subject], after=seqs[40]) as follower:
        assert [m.seq for m in await take(follower, 11)] == [*seqs[41:], seqs[-1] + 1, ack.seq]


async def test_who_waits_for_other_things_too_is_woken_and_takes_what_has_come(bus: Bus) -> None:
    subject, woken = "tickbus.write.woken.rp", asyncio.Event()
    async with bus.follow("WRITES", [subject], max_messages=2, arrived=woken) as follower:
        assert follower.take() == []
        seqs = await publish_many(bus, subject, [b"a", b"b", b"c"])
        taken: list[int] = []
        while len(taken) < 3:
            if not follower.buffered:
                await asyncio.wait_for(woken.wait(), 20)
                woken.clear()
            some = follower.take()
            assert len(some) <= 2
            taken += [message.seq for message in some]
        assert taken == seqs and follower.take() == [] and follower.position == seqs[-1]
    assert woken.is_set()
    with pytest.raises(BusUnavailable):
        follower.take()


async def test_large_messages_in_bounded_memory(bus: Bus) -> None:
    subject = "tickbus.write.large.rp"
    payloads = [os.urandom(1000) + bytes(size) for size in (bus.max_payload - 1000, 0, 3_000_000, 7_000_000) * 3]
    await publish_many(bus, subject, payloads)
    async with bus.follow("WRITES", [subject], max_bytes=1) as follower:
        messages: list[StoredMessage] = []
        while len(messages) < len(payloads):
            await asyncio.sleep(0.05)
            assert sum(len(raw[3]) for raw in follower._buffer) <= 2 * bus.max_payload + (1 << 20)
            messages += await asyncio.wait_for(follower.batch(), 20)
    assert [m.data for m in messages] == payloads


async def test_no_subjects_means_no_messages(bus: Bus) -> None:
    await bus.publish("tickbus.write.none.rp", b"x")
    async with bus.follow("WRITES", []) as follower:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(follower.batch(), 0.1)


async def test_a_closed_follower_says_so(bus: Bus, nats_server: NatsServer) -> None:
    other = await Bus.connect(nats_server.url)
    async with other.follow("WRITES", ["tickbus.write.closed.rp"]) as follower:
        waiting = asyncio.create_task(follower.batch())
        await follower.lag()
        await other.close()
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for(waiting, 30)


async def test_a_stream_that_comes_later(bus: Bus, nats_server: NatsServer) -> None:
    await bus._link.api("STREAM.DELETE.ALERTS")
    async with bus.follow("ALERTS", ["tickbus.alert.>"]) as follower:
        await asyncio.sleep(0.1)
        await bus.ensure_streams()
        await bus.publish("tickbus.alert.topic", b"x")
        assert [m.data for m in await take(follower, 1)] == [b"x"]


@pytest.mark.parametrize("kill", [False, True], ids=["stop", "kill"])
async def test_no_gap_and_no_repeat_over_restarts(bus: Bus, nats_server: NatsServer, kill: bool) -> None:
    subject = f"tickbus.write.restart{kill}.rp"
    publisher = await Bus.connect(nats_server.url, name="publisher")
    total = 3000
    publishing = asyncio.create_task(publish_many(publisher, subject, [b"%d" % n for n in range(total)]))
    got: list[StoredMessage] = []
    async with bus.follow("WRITES", [subject], max_messages=50) as follower:
        for restart_at in (500, 1500):
            while len(got) < restart_at:
                got += await asyncio.wait_for(follower.batch(), 20)
            await nats_server.restart(kill=kill)
        acked = await publishing
        while follower.position < acked[-1]:
            got += await asyncio.wait_for(follower.batch(), 20)
    seqs = [m.seq for m in got]
    assert seqs == sorted(set(seqs))
    by_seq = {m.seq: m.data for m in got}
    assert [by_seq[seq] for seq in acked] == [b"%d" % n for n in range(total)]
    state = await bus._link.api("STREAM.INFO.WRITES", {"subjects_filter": subject})
    assert state["state"]["subjects"][subject] == len(got)
    await publisher.close()


async def test_a_consumer_that_is_deleted_is_made_anew(bus: Bus) -> None:
    subject = "tickbus.write.deleted.rp"
    await publish_many(bus, subject, [b"1", b"2"])
    async with bus.follow("WRITES", [subject]) as follower:
        assert len(await take(follower, 2)) == 2
        await bus._link.api(f"CONSUMER.DELETE.WRITES.{follower._consumer}")
        await publish_many(bus, subject, [b"3"])
        assert [m.data for m in await take(follower, 1)] == [b"3"]


async def test_a_message_lost_on_the_way_is_asked_for_again(bus: Bus) -> None:
    subject = "tickbus.write.lost.rp"
    async with bus.follow("WRITES", [subject]) as follower:
        await follower.lag()
        sinks = bus._link.client.sinks
        sid, sink = follower._sid, sinks[follower._sid]
        seen = 0

        def losing(*message: object) -> None:
            nonlocal seen
            seen += 1
            if seen != 3:
                sink(*message)  # type: ignore[arg-type]

        sinks[sid] = losing
        await publish_many(bus, subject, [b"%d" % n for n in range(6)])
        assert [m.data for m in await take(follower, 6)] == [b"%d" % n for n in range(6)]


def test_what_a_wildcard_covers() -> None:
    assert covers("a.>", "a.b.c") and covers("a.*", "a.b") and covers("a.*.c", "a.b.c") and covers("a.>", "a.*")
    assert not covers("a.>", "a") and not covers("a.*", "a.>") and not covers("a.*", "a.b.c")
    assert not covers("a.b", "a.*") and not covers("a.b.c", "a.b")


async def test_what_was_asked_and_what_came_stay_in_step(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests for bytes are counted as the server counts them; else following would stall or memory grow."""
    monkeypatch.setattr("services.bus.follow._EXPIRES_SECONDS", 0.6)
    monkeypatch.setattr("services.bus.follow._HEARTBEAT_SECONDS", 0.2)
    subject = "tickbus.write.counted.rp"
    payloads = [bytes(n % 7 * 150_000) for n in range(120)]
    await asyncio.gather(*(bus.publish(subject, payload, {"N": "x" * (n % 90)}) for n, payload in enumerate(payloads)))
    async with bus.follow("WRITES", [subject], max_messages=3) as follower:
        real, drift = follower._on_status, []

        def checking(inbox: bytes, headers: bytes | None) -> None:
            if wire.status(headers) in (408, 409) and list(follower._pulls) == [inbox] and not follower._buffer:
                drift.append(follower._asked - int((wire.decode(headers) or {})["Nats-Pending-Bytes"]))
            real(inbox, headers)

        monkeypatch.setattr(follower, "_on_status", checking)
        await take(follower, len(payloads))
        assert follower._pull_number > 4
        consumer = follower._consumer
        while len(drift) < 2:
            await asyncio.sleep(0.01)
        assert drift == [0, 0] and follower._consumer == consumer


async def test_a_server_that_hangs_is_noticed(
    bus: Bus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.bus.follow._EXPIRES_SECONDS", 2)
    monkeypatch.setattr("services.bus.follow._HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("services.bus.transport.link.API_TIMEOUT", 0.2)
    subject = "tickbus.write.hangs.rp"
    async with bus.follow("WRITES", [subject]) as follower:
        await follower.lag()
        consumer = follower._consumer
        nats_server.freeze()
        while follower._consumer == consumer:
            await asyncio.sleep(0.01)
        nats_server.thaw()
        ack = await bus.publish(subject, b"x")
        assert [m.seq for m in await take(follower, 1)] == [ack.seq]


async def test_a_stream_that_was_made_anew_is_told_from_the_one_that_was_read(bus: Bus) -> None:
    subject = "tickbus.write.anew.rp"
    await publish_many(bus, subject, [b"1", b"2"])
    state = await bus.stream_state("WRITES")
    async with bus.follow("WRITES", [subject], created=state.created) as follower, bus.follow("WRITES", []) as any_:
        await take(follower, 2)
        await bus._link.api("STREAM.DELETE.WRITES")
        await bus.ensure_streams()
        await publish_many(bus, subject, [b"3"] * 5)
        with pytest.raises(StreamWentBack):
            await asyncio.wait_for(follower.batch(), 30)
        assert follower.went_back and not any_.went_back
        with pytest.raises(StreamWentBack):
            await follower.lag()
    # the old position does not fit the new stream, whose own does
    created = (await bus.stream_state("WRITES")).created
    async with bus.follow("WRITES", [subject], state.last_seq, created=state.created) as follower:
        with pytest.raises(StreamWentBack):
            await asyncio.wait_for(follower.batch(), 30)
    async with bus.follow("WRITES", [subject], 3, created=created) as follower:
        assert [m.data for m in await take(follower, 2)] == [b"3", b"3"]
    async with bus.follow("WRITES", [subject], 9, created=created) as follower:
        with pytest.raises(StreamWentBack):
            await asyncio.wait_for(follower.lag(), 30)


async def test_headers_alone(bus: Bus) -> None:
    subject = "tickbus.write.heads.rp"
    await bus.publish(subject, b"x" * 1000, {"A": "b"})
    async with bus.follow("WRITES", [subject], headers_only=True) as follower:
        [message] = await take(follower, 1)
        assert not message.data and message.headers is not None and message.headers["A"] == "b"
