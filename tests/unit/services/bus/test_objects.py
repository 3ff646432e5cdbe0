"""Object stores on a real server."""

from __future__ import annotations

import os

from services.bus.connection import Bus


async def test_objects_come_back_whole(bus: Bus) -> None:
    objects = await bus.objects("snapshots")
    assert await objects.get("a") is None and await objects.list() == []
    big = os.urandom(5_000_001)
    await objects.put("täsk/1", big, {"position": "7"})
    await objects.put("empty", b"")
    assert await objects.get("täsk/1") == big and await objects.get("empty") == b""
    info = await objects.info("täsk/1")
    assert info is not None and (info.size, info.metadata) == (len(big), {"position": "7"})
    assert [(each.name, each.size) for each in await objects.list()] == [("empty", 0), ("täsk/1", len(big))]
    await objects.put("täsk/1", b"new")
    assert await objects.get("täsk/1") == b"new"
    await objects.delete("täsk/1")
    await objects.delete("never was")
    assert await objects.get("täsk/1") is None and await objects.info("täsk/1") is None
    assert [each.name for each in await objects.list()] == ["empty"]
    assert (await bus.stream_state("OBJ_snapshots")).bytes < 100_000
