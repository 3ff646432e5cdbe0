"""What waits for the bus: how it is put together, and what becomes of it where there is no bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.bus.connection import Bus
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners import outlet as module
from services.gateway.listeners.outlet import Batching, Outlet
from tests.support.nats import NatsServer
from tests.unit.services.gateway.http.writing.test_writes import written_after
from tests.unit.services.gateway.listeners.test_udp import until

NEVER = 1000.0


def outlet(store: LineStore, batching: Batching) -> Outlet:
    made = Outlet("test", store, store.subject("db", "rp"), batching)
    made.start()
    return made


@pytest.fixture
async def away(bus: Bus, nats_server: NatsServer) -> AsyncIterator[None]:
    """NATS is not there."""
    nats_server.stop()
    yield
    nats_server.start()


async def test_a_message_goes_once_it_is_full_and_the_rest_at_the_end(bus: Bus, store: LineStore) -> None:
    position = await bus.last_sequence("WRITES")
    one = outlet(store, Batching(3, NEVER, 10))
    for number in range(7):
        one.put(b"m v=%d %d" % (number, number))
    await until(lambda: one.batches == 2)
    assert (one.points, one.waiting) == (6, 1)
    await one.stop(5)
    messages = [message.data for message in await written_after(bus, position)]
    assert messages == [b"m v=0 0\nm v=1 1\nm v=2 2", b"m v=3 3\nm v=4 4\nm v=5 5", b"m v=6 6"]
    assert (one.batches, one.points, one.failed, one.lost, one.dropped) == (3, 7, 0, 0, 0)


async def test_a_message_goes_once_its_first_has_waited_long_enough(bus: Bus, store: LineStore) -> None:
    one = outlet(store, Batching(1000, 0.05, 0))
    one.put(b"m v=1 1")
    await until(lambda: one.points == 1)
    await one.stop(5)


async def test_what_waits_is_bounded_in_bytes_too(store: LineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING_BYTES", 100)
    one = outlet(store, Batching(1000, NEVER, 1000))
    taken = [one.put(b"m v=%d %d" % (number, number) + b" " * 43) for number in range(5)]
    assert taken == [True, True, False, False, False]
    assert (one.lost, one.dropped) == (3, 3)
    await one.stop(5)


@pytest.mark.usefixtures("away")
async def test_a_message_is_given_up_on_after_a_while(store: LineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRY_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(module, "_KEEP_TRYING_SECONDS", 0.1)
    one = outlet(store, Batching(2, NEVER, 0))
    one.put(b"m v=1 1\nm v=2 2", 2)
    one.put(b"m v=3 3")
    await until(lambda: one.failed == 1)
    assert (one.batches, one.lost, one.dropped, one.waiting) == (0, 2, 3, 0)
    await one.stop(5)


@pytest.mark.usefixtures("away")
async def test_whoever_can_wait_waits_for_room(store: LineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRY_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(module, "_KEEP_TRYING_SECONDS", 0.1)
    one = outlet(store, Batching(2, NEVER, 0))
    for number in range(2):
        await one.room()
        one.put(b"m v=1 %d" % number)
    assert one.waiting == 2
    waiting = asyncio.create_task(one.room())
    await until(waiting.done)
    assert one.dropped == 0
    await one.stop(5)


@pytest.mark.usefixtures("away")
async def test_what_is_left_at_the_end_is_counted(store: LineStore) -> None:
    one = outlet(store, Batching(2, NEVER, 10))
    for number in range(5):
        one.put(b"m v=1 %d" % number)
    await one.stop(5)
    assert (one.points, one.lost, one.dropped) == (0, 5, 5)


async def test_a_line_that_is_too_large_for_the_bus_is_dropped_at_once(store: LineStore) -> None:
    one = outlet(store, Batching(1, NEVER, 10))
    one.put(b'm v="' + b"x" * (9 << 20) + b'" 1')
    await until(lambda: one.failed == 1)
    assert one.dropped == 1
    await one.stop(5)
