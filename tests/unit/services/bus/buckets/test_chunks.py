"""Chunks beside an object store."""

from __future__ import annotations

from pathlib import Path

from services.bus.connection import Bus
from tests.support.buckets import any_objects
from tests.support.nats import NatsServer

DIGESTS = [bytes([i]) * 16 for i in range(3)]


async def test_chunks(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        async with await Bus.connect(server.url, "test") as bus:
            objects = await any_objects(bus, "things")
            await objects.put("thing", b"x" * 3_000_000)
            chunks = bus.chunks("things")
            assert await chunks.marks() == {}
            big = bytes(range(256)) * (bus.max_payload // 100)  # larger than a message may be
            sequences = [
                await chunks.put("thing", "one", d, data) for d, data in zip(DIGESTS, (b"a", b"", big), strict=True)
            ]
            assert [len(s) for s in sequences] == [1, 0, 3]
            await chunks.put("thing", "two", DIGESTS[0], b"b")
            await chunks.put("other", "two", DIGESTS[0], b"c")
            assert await chunks.get("thing", "one") == {DIGESTS[0]: b"a", DIGESTS[2]: big}
            assert await chunks.marks() == {"thing": {"one", "two"}, "other": {"two"}}
            for _ in range(2):
                await chunks.delete(sequences[2])
            assert await chunks.get("thing", "one") == {DIGESTS[0]: b"a"}
            await chunks.drop("thing", "one")
            assert await chunks.marks("thing") == {"thing": {"two"}}
            await chunks.drop("thing")
            assert await chunks.marks() == {"other": {"two"}}
            assert await objects.get("thing") == b"x" * 3_000_000
            assert [o.name for o in await objects.list()] == ["thing"]
    finally:
        server.stop()
