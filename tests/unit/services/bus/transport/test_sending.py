"""When what is sent leaves."""

from __future__ import annotations

import asyncio

import pytest

from services.bus.connection import Bus
from services.bus.transport.nats_connection import _BulkTransport


async def test_the_first_of_a_turn_leaves_at_once_and_the_others_together(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    write = _BulkTransport.write

    def noting(transport: _BulkTransport, data: bytes) -> None:
        if b"tickbus.tap.turn" in data:
            written.append(data)
        write(transport, data)

    monkeypatch.setattr(_BulkTransport, "write", noting)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    listening = bus.listen("tickbus.tap.turn", heard.put_nowait)
    await asyncio.sleep(0)
    written.clear()
    for data in (b"1", b"2", b"3"):
        bus.broadcast("tickbus.tap.turn", data)
    assert [data.count(b"PUB ") for data in written] == [1]
    await asyncio.sleep(0)
    assert [data.count(b"PUB ") for data in written] == [1, 2]
    assert [await asyncio.wait_for(heard.get(), 20) for _ in range(3)] == [b"1", b"2", b"3"]
    listening.stop()
