"""One NATS that several use: what is somebody else's is left alone, and two tickbuses do not see each other."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.bus.account.kept import Wishes
from services.bus.account.marks import MARK, OWNER
from services.bus.account.shapes import bucket_shape, stream_shape
from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import ApiError, Foreign
from services.bus.streams import StreamLimits
from services.bus.subjects import write_subject
from services.bus.transport.names import Names
from tests.support.nats import NatsServer

OTHER = Names.of("acme.alerts", "acme_")


@pytest.fixture(autouse=True)
async def empty(nats_server: NatsServer) -> AsyncIterator[None]:
    """Every test begins with nothing on the server."""
    async with await Bus.connect(nats_server.url, "test") as bus:
        for info in (await bus._link.api("STREAM.LIST", {}))["streams"] or []:
            await bus._link.api(f"STREAM.DELETE.{info['config']['name']}")
    yield


async def config_of(bus: Bus, stream: str) -> dict[str, Any]:
    config: dict[str, Any] = (await bus._link.api(f"STREAM.INFO.{stream}"))["config"]
    return config


async def make(bus: Bus, shape: dict[str, Any]) -> None:
    """A stream without a mark."""
    await bus._link.api(f"STREAM.CREATE.{shape['name']}", shape)


async def test_what_is_made_bears_the_mark(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        await bus.bucket("workers")
        await bus.objects("states")
        for name, kind in (("EVENTS", "stream"), ("KV_workers", "bucket"), ("OBJ_states", "objects")):
            metadata = (await config_of(bus, name))["metadata"]
            assert (metadata[MARK], metadata[OWNER]) == (f"{kind}/1", "tickbus")


async def test_a_foreign_stream_stops_the_start_and_is_left_as_it_is(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await make(bus, {"name": "EVENTS", "subjects": ["orders.>"], "max_age": 10**12})
        before = await config_of(bus, "EVENTS")
        with pytest.raises(Foreign, match=r"the stream EVENTS on this NATS was not made by tickbus .*`stream-prefix`"):
            await bus.ensure_streams()
        assert await config_of(bus, "EVENTS") == before
        with pytest.raises(ApiError, match="not found"):  # nothing is half done
            await bus.stream_state("WRITES")
        assert await bus.listed() == []


async def test_foreign_subjects_are_told_with_the_setting(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await make(bus, {"name": "theirs", "subjects": ["tickbus.event.>"]})
        with pytest.raises(Foreign, match=r"subjects of tickbus\.event\.>: another `prefix` in \[nats\]"):
            await bus.ensure_streams()


async def test_a_foreign_bucket_of_the_same_shape_is_left_alone(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await make(bus, bucket_shape("workers"))
        await bus.ensure_streams()
        with pytest.raises(Foreign, match="the bucket workers on this NATS was not made by tickbus"):
            await bus.bucket("workers")
        assert MARK not in ((await config_of(bus, "KV_workers")).get("metadata") or {})
        with pytest.raises(Foreign, match="the bucket workers"):
            await bus.survey(Wishes())
        with pytest.raises(Foreign, match="the bucket workers"):
            _ = [one async for one in bus.apply(Wishes())]


async def test_what_an_earlier_tickbus_made_is_recognised_and_marked_as_it_is(nats_server: NatsServer) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        for stream, subject in (("WRITES", "write"), ("EVENTS", "event"), ("ALERTS", "alert")):
            await make(bus, stream_shape(stream, [f"tickbus.{subject}.>"], StreamLimits(60.0)))
        await make(bus, bucket_shape("workers"))
        assert {one.name for one in await bus.listed()} == {"WRITES", "EVENTS", "ALERTS", "KV_workers"}
        await bus.ensure_streams()
        await (await bus.bucket("workers")).put("a", b"1")
        for name, kind in (("WRITES", "stream"), ("KV_workers", "bucket")):
            config = await config_of(bus, name)
            assert config["metadata"][MARK] == f"{kind}/0"
        assert (await config_of(bus, "WRITES"))["max_age"] == 60 * 10**9


async def test_two_on_one_nats_do_not_see_each_other(nats_server: NatsServer) -> None:
    async with (
        await Bus.connect(nats_server.url, "one") as one,
        await Bus.connect(nats_server.url, "other", names=OTHER) as other,
    ):
        heard: dict[str, list[bytes]] = {"one": [], "other": []}
        for name, bus in (("one", one), ("other", other)):
            await use(bus, name.encode())
            bus.listen("tickbus.log.>", heard[name].append)
            bus.answer("tickbus.ask.a.b", answering(name.encode()))
        for name, bus in (("one", one), ("other", other)):
            await bus._link.round_trip(2)
            await check(bus, name.encode())
            assert await bus.request("tickbus.ask.a.b", b"") == name.encode()
            assert await bus.request_all("tickbus.ask.a.b", b"", timeout=0.2) == [name.encode()]
            bus.broadcast("tickbus.log.x", name.encode())
        for bus in (one, other):
            await bus._link.round_trip(2)
        assert heard == {"one": [b"one"], "other": [b"other"]}
        names = [listed.name for listed in await one.listed()]
        assert names == [listed.name for listed in await other.listed()] and "KV_workers" in names
        assert "acme_WRITES" in (await one._link.api("STREAM.NAMES", {}))["streams"]
        await other.delete_message("WRITES", 1)
        await other.purge("EVENTS", "tickbus.event.task.>", 10)
        assert await other.last_message("tickbus.event.task.t.created") is None
        await check(one, b"one")


async def test_the_same_streams_under_other_subjects_are_another_tickbuss(nats_server: NatsServer) -> None:
    async with (
        await Bus.connect(nats_server.url, "one") as one,
        await Bus.connect(nats_server.url, "other", names=Names.of("acme")) as other,
    ):
        await one.ensure_streams()
        with pytest.raises(Foreign, match=r"the stream WRITES on this NATS belongs to the tickbus of prefix `tickbus`"):
            await other.ensure_streams()


async def test_a_backup_is_of_one_tickbus_and_goes_back_to_it(nats_server: NatsServer) -> None:
    async with (
        await Bus.connect(nats_server.url, "one") as one,
        await Bus.connect(nats_server.url, "other", names=OTHER) as other,
    ):
        await use(one, b"one")
        await use(other, b"other")
        data = b"".join([piece async for piece in other.backup()])
        with pytest.raises(ValueError, match=r"streams already \(.*acme_WRITES"):
            await other.restore(io.BytesIO(data))
        for listed in await other.listed():
            await other._link.api(f"STREAM.DELETE.{listed.name}")
        assert "WRITES" in await other.restore(io.BytesIO(data))
        await other.bucket("workers")  # nobody keeps who was there
        await check(other, b"other", workers=False)
        await check(one, b"one")
        async with await Bus.connect(nats_server.url, "third", names=Names.of("third", "third_")) as third:
            with pytest.raises(ValueError, match=r'`prefix = "acme\.alerts"` and `stream-prefix = "acme_"`'):
                await third.restore(io.BytesIO(data))
            assert await third.listed() == []


async def test_everything_is_found_in_a_domain(nats_server: NatsServer, tmp_path: Any) -> None:
    server = NatsServer(tmp_path, more={"jetstream": {"store_dir": str(tmp_path), "domain": "hub"}})
    server.start()
    try:
        for names in (Names.of("acme", "acme_", domain="hub"), Names.of("b", "b_", api_prefix="$JS.hub.API")):
            async with await Bus.connect(server.url, "test", names=names) as bus:
                await use(bus, b"1")
                await check(bus, b"1")
    finally:
        server.stop()


def answering(answer: bytes) -> Any:
    async def handler(data: bytes, headers: Any) -> bytes:
        return answer

    return handler


async def use(bus: Bus, value: bytes) -> None:
    """Keep something of each kind."""
    await bus.ensure_streams()
    assert (await bus.publish(write_subject("db", "rp"), b"m v=" + value)).stream == "WRITES"
    headers = {"Nats-Expected-Last-Subject-Sequence-Subject": "tickbus.event.task.t.*"}
    await bus.publish("tickbus.event.task.t.created", value, headers, expect_last=0)
    await (await bus.bucket("workers")).put("a.b", value)
    await (await bus.bucket("cluster")).put("a", value)
    await (await bus.objects("states")).put("a", value)
    await bus.chunks("states").put("task", "mark", b"\x01", value)
    bus.dead_letters.keep("WRITES", 1, write_subject("db", "rp"), value, None, "why")
    assert bus.dead_letters._sending is not None
    await bus.dead_letters._sending


async def check(bus: Bus, value: bytes, workers: bool = True) -> None:
    """What was kept by `use` is there, by the same names."""
    async with bus.follow("WRITES", ["tickbus.write.db.>"]) as follower:
        (message,) = await follower.batch()
    assert (message.subject, message.data) == ("tickbus.write.db.rp", b"m v=" + value)
    last = await bus.last_message("tickbus.event.task.t.created")
    assert last is not None and (last.subject, last.data) == ("tickbus.event.task.t.created", value)
    assert await bus.subjects_of("EVENTS", "tickbus.event.>") == {"tickbus.event.task.t.created": 1}
    bucket: Bucket = await bus.bucket("cluster")
    assert [(entry.key, entry.value) for entry in await bucket.entries()] == [("a", value)]
    async for entry in bucket.watch():
        assert (entry.key, entry.value) == ("a", value)
        break
    if workers:
        entry_of = await (await bus.bucket("workers")).get("a.b")
        assert entry_of is not None and entry_of.value == value
    objects = await bus.objects("states")
    assert await objects.get("a") == value and [info.name for info in await objects.list()] == ["a"]
    assert await bus.chunks("states").get("task", "mark") == {b"\x01": value}
    assert await bus.chunks("states").marks() == {"task": {"mark"}}
    (letter,) = await bus.dead_letters.all()
    assert (letter.stream, letter.subject, letter.data) == ("WRITES", "tickbus.write.db.rp", value)
