"""Epochs of the log: which write a sequence means."""

from __future__ import annotations

import numpy as np
import pytest

from services.bus.connection import Bus
from services.bus.epochs import NO_MARK, Epochs, Mark, WritesLog
from services.bus.streams import WRITES
from services.bus.transport.credentials import Credentials
from services.bus.transport.link import Link
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

SUBJECT = "tickbus.write.db.rp"


def test_what_is_kept_where_the_log_was_cut() -> None:
    epochs = Epochs([(0, 100)])
    epochs.begin(30, 200)
    assert [epochs.of(seq) for seq in (0, 1, 30, 31)] == [100, 100, 100, 200]
    assert epochs.fits(30, 100) and not epochs.fits(31, 100) and epochs.fits(31, 200) and epochs.fits(31, 0)
    # a position is as good as what the log still has of it
    assert [epochs.within(50, said) for said in (150, 200, 250)] == [30, 50, 50]
    assert epochs.within(20, 150) == 20
    epochs.begin(10, 300)
    assert epochs.starts == ((0, 100), (10, 300))
    assert [epochs.of(seq) for seq in (10, 11, 40)] == [100, 300, 300]
    assert [epochs.within(50, said) for said in (150, 250, 300)] == [10, 10, 50]
    epochs.begin(0, 400)
    assert epochs.starts == ((0, 100), (0, 400))
    assert epochs.of(1) == 400 and epochs.within(7, 399) == 0


def test_numbers_rise_over_all_epochs() -> None:
    epochs = Epochs([(0, 10**9)])
    before = epochs.numbered(np.arange(1, 60))
    epochs.begin(30, 2 * 10**9)
    after = epochs.numbered(np.arange(1, 60))
    assert (after[:30] == before[:30]).all() and after[30] > before[-1]
    assert (np.diff(after) > 0).all()
    ticks = np.array([-5, -4])
    assert (epochs.numbered(ticks) == ticks).all()


async def test_looking_at_a_real_log(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        one, other = await WritesLog.open(bus), await WritesLog.open(bus)
        first = one.epochs.last
        for _ in range(5):
            await bus.publish(SUBJECT, b"m v=1")
        marks = [await _mark(bus, seq, first) for seq in range(1, 6)]
        await one.mark(marks[2])
        assert not await one.look(marks[4], lambda epochs: 5) and not await other.look()
        assert one.epochs.starts == other.epochs.starts == ((0, first),)

        # somebody says that there was more than there is
        assert await one.look(NO_MARK, lambda epochs: 9)
        assert one.epochs.starts[0] == (0, first) and one.epochs.starts[1][0] == 5
        assert one.went_back == 1
        assert await other.look() and other.epochs.starts == one.epochs.starts and other.went_back == 1
        assert not await one.look(NO_MARK, lambda epochs: 9 if epochs.fits(9, first) else 0), "it is told once"

        # another message stands where one was: up to where it was cut is found by the times of the others
        second = one.epochs.last
        for _ in range(5):
            await bus.publish(SUBJECT, b"m v=2")
        there = await _mark(bus, 7, second)
        assert await one.look(Mark(9, there.time_ns, second))
        assert one.epochs.starts[1:] == ((5, second), (7, one.epochs.last))

        # made anew
        last = one.epochs.last
        link = Link("test")
        await link.open(nats_server.url, Credentials(None, None), 10.0)
        await link.api(f"STREAM.DELETE.{WRITES}")
        await link.close()
        await bus.ensure_streams()
        assert await other.look() and await one.look()
        assert one.epochs.starts == other.epochs.starts
        assert one.epochs.starts[0] == (0, first) and one.epochs.starts[1][0] == 0 and one.epochs.last > last
        late = await WritesLog.open(bus)
        assert late.epochs.starts == one.epochs.starts and not late.went_back


async def _mark(bus: Bus, seq: int, epoch: int) -> Mark:
    message = await bus.get_message(WRITES, seq)
    assert message is not None
    return Mark(seq, message.time_ns, epoch)


@pytest.mark.parametrize("value", [b"", b"[]", b'{"created":"x","epochs":[],"mark":[0,0,0]}'])
async def test_what_cannot_be_read_is_made_anew(nats_server: NatsServer, value: bytes) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        await (await bus.bucket("cluster")).put("epochs.WRITES", value)
        found = await WritesLog.open(bus)
        assert len(found.epochs.starts) == 1
        assert not await found.look()
