"""Line protocol over UDP: what reaches the stream, what is counted, what becomes of it without a bus."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from schemas.config.inputs import Udp
from services.bus.connection import Bus
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.udp import UdpListener
from tests.support.nats import NatsServer
from tests.unit.services.gateway.http.writing.test_writes import written_after


def settings(**given: object) -> Udp:
    return Udp(**{"enabled": True, "bind_address": "127.0.0.1:0", "database": "telegraf", **given})  # type: ignore[arg-type]


def send(listener: UdpListener, *datagrams: bytes) -> None:
    host, _, port = listener.address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, (host, int(port)))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_datagrams_reach_the_stream_in_order(bus: Bus, store: LineStore) -> None:
    position, before = await bus.last_sequence("WRITES"), time.time_ns()
    listener = UdpListener(settings(read_buffer=1 << 20), store)
    await listener.start()
    send(listener, b"cpu v=1 5\ncpu v=2 6\n", b"cpu v=3", b"cpu v=4 8")
    await until(lambda: listener.statistic()[2]["points_tx"] == 4)
    await listener.stop(5)
    messages = await written_after(bus, position)
    assert {message.subject for message in messages} == {"tickbus.write.telegraf.autogen"}
    lines = b"\n".join(message.data for message in messages).split(b"\n")
    assert (lines[0], lines[1], lines[3]) == (b"cpu v=1 5", b"cpu v=2 6", b"cpu v=4 8")
    name, _, at = lines[2].rpartition(b" ")
    assert name == b"cpu v=3" and before <= int(at) <= time.time_ns()
    assert listener.statistic() == (
        "udp",
        {"bind": listener.address},
        {"bytes_rx": 36, "points_parse_fail": 0, "points_rx": 4, "points_tx": 4, "read_fail": 0, "tx_fail": 0},
    )


async def test_a_datagram_with_a_bad_line_is_dropped_and_counted(bus: Bus, store: LineStore) -> None:
    position = await bus.last_sequence("WRITES")
    listener = UdpListener(settings(retention_policy="short"), store)
    await listener.start()
    send(listener, b"cpu v=1 1\ncpu v=\n", b"\xff\x00", b"m v=1 9\r\n", b"", b"# nothing", b"cpu v=2 2")
    await until(lambda: listener.statistic()[2]["points_tx"] == 1)
    await listener.stop(5)
    (message,) = await written_after(bus, position)
    assert (message.subject, message.data) == ("tickbus.write.telegraf.short", b"cpu v=2 2")
    assert listener.statistic()[2]["points_parse_fail"] == 3


async def test_what_there_is_no_room_for_is_dropped_and_the_rest_stored_once_the_bus_is_back(
    bus: Bus, store: LineStore, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.listeners.udp._MESSAGE_DATAGRAMS", 2)
    position = await bus.last_sequence("WRITES")
    listener = UdpListener(settings(buffer=3), store)
    await listener.start()
    nats_server.stop()
    send(listener, b"cpu v=0 0")
    await until(lambda: listener.statistic()[2]["points_rx"] == 1 and not listener.waiting)  # it is on its way
    send(listener, *(b"cpu v=%d %d" % (number, number) for number in range(1, 9)))
    await until(lambda: listener.statistic()[2]["points_rx"] == 9)
    assert listener.statistic()[2]["tx_fail"] == 3 and listener.waiting == 5
    nats_server.start()
    await until(lambda: not listener.waiting)
    await listener.stop(5)
    stored = b"\n".join(message.data for message in await written_after(bus, position))
    assert stored.split(b"\n") == [b"cpu v=%d %d" % (number, number) for number in range(6)]
    assert listener.statistic()[2]["points_tx"] == 6


async def test_an_address_that_is_taken_is_named(store: LineStore) -> None:
    first = UdpListener(settings(), store)
    await first.start()
    with pytest.raises(OSError, match=first.address):
        await UdpListener(settings(bind_address=first.address), store).start()
    await first.stop(5)
