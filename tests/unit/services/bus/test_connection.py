"""Making and losing a connection."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from services.bus.account.kept import Wishes
from services.bus.connection import Bus
from services.bus.errors import BusUnavailable
from services.bus.streams import StreamLimits
from services.bus.transport.credentials import Credentials
from tests.support.nats import NatsServer


async def test_nobody_to_connect_to() -> None:
    start = time.monotonic()
    with pytest.raises(BusUnavailable, match=r"127\.0\.0\.1:1") as failure:
        await Bus.connect("nats://me:secret@127.0.0.1:1", timeout=0.5)
    assert "secret" not in str(failure.value)
    assert time.monotonic() - start < 10


async def test_credentials(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, user="me", password="p@ss:w/rd")
    server.start()
    try:
        start = time.monotonic()
        # the server may hang up before its word of refusal has been read
        with pytest.raises(BusUnavailable, match=r"Authorization|reset by peer"):
            await Bus.connect(server.url, timeout=20)
        assert time.monotonic() - start < 15
        host = server.url.removeprefix("nats://")
        for bus in (
            await Bus.connect(f"nats://me:p%40ss%3Aw%2Frd@{host}"),
            await Bus.connect(server.url, credentials=Credentials(user="me", password="p@ss:w/rd")),
        ):
            await _connected(bus)  # the server was started anew beneath the second one
            await bus.ensure_streams()
            await server.restart()
            await _connected(bus)
            await bus.close()
    finally:
        server.stop()


async def test_connecting_waits_for_a_server_that_is_just_starting(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    connecting = asyncio.create_task(Bus.connect(server.url, timeout=20))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(server.start)
    try:
        bus = await connecting
        assert bus.connected and bus.max_payload == 8 << 20
        await bus.close()
        assert not bus.connected
        with pytest.raises(BusUnavailable):
            await bus.publish("tickbus.write.a.b", b"")
    finally:
        server.stop()


async def test_streams_are_made_by_many_at_once_and_changed_where_that_is_asked_for(nats_server: NatsServer) -> None:
    buses = [await Bus.connect(nats_server.url, name=f"bus {n}") for n in range(4)]
    limits = StreamLimits(max_age=60.0, max_bytes=50 << 20)
    await asyncio.gather(*(bus.ensure_streams(Wishes(writes=limits)) for bus in buses for _ in range(3)))
    wishes = Wishes(writes=StreamLimits(max_age=3600.0, max_bytes=60 << 20), alerts=limits)
    await buses[0].ensure_streams(wishes)
    assert (await buses[0]._link.api("STREAM.INFO.WRITES"))["config"]["max_age"] == 60 * 10**9
    assert "WRITES has max age 1m0s, wanted is 1h0m0s" in str(await buses[0].survey(wishes))
    assert {change.name async for change in buses[0].apply(wishes)} == {"WRITES", "ALERTS"}
    assert not (await buses[0].survey(wishes)).differences
    info = await buses[0]._link.api("STREAM.INFO.WRITES")
    config = info["config"]
    assert (config["max_age"], config["max_bytes"]) == (3600 * 10**9, 60 << 20)
    assert (config["duplicate_window"], config["storage"], config["discard"]) == (120 * 10**9, "file", "old")
    assert config["allow_direct"] is True and config["subjects"] == ["tickbus.write.>"]
    state = await buses[0].stream_state("EVENTS")
    assert (state.last_seq, state.messages) == (0, 0) and state.created
    for bus in buses:
        await bus.close()


async def _connected(bus: Bus) -> None:
    while not bus.connected:
        await asyncio.sleep(0.01)
