"""What lies on a NATS, and what should be set otherwise there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.bus.account.kept import Wishes
from services.bus.connection import Bus
from services.bus.inventory import SYNC_ADVICE, Listed, advice
from services.bus.streams import StreamLimits
from tests.support.buckets import any_bucket, any_objects
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


async def test_streams_buckets_and_object_stores_are_listed(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams(Wishes(StreamLimits(60.0, 1 << 20)))
        await bus.publish("tickbus.write.db.rp", b"m v=1")
        await (await any_bucket(bus, "words", ttl=5.0)).put("a", b"1")
        await (await any_objects(bus, "things")).put("a", b"1" * 100)
        found = {one.name: one for one in await bus.listed()}
    assert list(found) == ["ALERTS", "EVENTS", "WRITES", "KV_words", "OBJ_things"]
    writes = found["WRITES"]
    assert (writes.kind, writes.messages, writes.first, writes.last) == ("stream", 1, 1, 1)
    assert (writes.max_age, writes.max_bytes, writes.replicas, writes.storage) == (60.0, 1 << 20, 1, "file")
    assert writes.bytes > 5 and writes.last_time.startswith("2") and not writes.clustered and not writes.behind
    assert (found["KV_words"].kind, found["KV_words"].max_age) == ("bucket", 5.0)
    assert found["OBJ_things"].kind == "objects" and not found["EVENTS"].max_bytes


async def test_a_page_is_not_all(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        for number in range(260):
            await any_bucket(bus, f"b{number:03}")
        assert len({one.name for one in await bus.listed() if one.name.startswith("KV_b")}) == 260


ONE = Listed("WRITES", "stream", 0, 0, 0, 0, "", 1, 60.0, 0, "file", False, "", ())


@pytest.mark.parametrize(
    ("one", "sync", "said"),
    [
        (ONE, "always", ""),
        (ONE, "", SYNC_ADVICE),
        (ONE, "2m", "less than 2m before a power cut"),
        (replace(ONE, clustered=True), "always", "one server of the cluster alone: WRITES"),
        (replace(ONE, clustered=True, replicas=3), "always", ""),
        (replace(ONE, clustered=True, replicas=3, behind=("n2",)), "always", "WRITES is not up to date on n2"),
        (replace(ONE, storage="memory"), "always", "in memory alone"),
        (replace(ONE, max_age=0.0), "always", "grows until the disk is full"),
        (replace(ONE, max_age=0.0, max_bytes=1), "always", ""),
    ],
)
def test_what_should_be_set_otherwise_is_told(one: Listed, sync: str, said: str) -> None:
    hints = advice([one], sync)
    assert said in "".join(hints) and len(hints) == bool(said)
