"""Copying everything that JetStream keeps to another server."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from services.bus.connection import Bus
from tests.support.nats import NatsServer


async def test_another_server_has_everything(tmp_path: Path) -> None:
    first, second = NatsServer(tmp_path / "first"), NatsServer(tmp_path / "second")
    first.start()
    second.start()
    try:
        async with await Bus.connect(first.url, "first") as bus, await Bus.connect(second.url, "second") as other:
            await bus.ensure_streams()
            for number in range(300):
                await bus.publish("tickbus.write.db.rp", b"m v=%d " % number + b"x" * 2000, {"Tickbus-Precision": "s"})
            await (await bus.bucket("cluster")).put("id", b"one")
            await (await bus.bucket("leases")).put("1", b"held")
            data = b"".join([piece async for piece in bus.backup()])
            for broken in (data[:-1], data[:60], b"something else"):
                with pytest.raises(ValueError, match="backup"):
                    await other.restore(io.BytesIO(broken))
            names = await other.restore(io.BytesIO(data))
            assert names == ["KV_cluster", "EVENTS", "ALERTS", "WRITES"]
            await other.ensure_streams()
            assert await other.stream_state("WRITES") == await bus.stream_state("WRITES")
            message = await other.get_message("WRITES", 300)
            assert message == await bus.get_message("WRITES", 300)
            entry = await (await other.bucket("cluster")).get("id")
            assert entry is not None and entry.value == b"one"
            with pytest.raises(ValueError, match="streams already"):
                await other.restore(io.BytesIO(data))
    finally:
        first.stop()
        second.stop()
