"""POST /write on a real gateway: what reaches the stream, and what is answered where it does not."""

from __future__ import annotations

import asyncio
import gzip
import time

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.subjects import command_subject
from services.dryrun.explaining.lines import written
from tests.support.nats import NatsServer
from tests.unit.services.gateway.conftest import StartGateway


async def written_after(bus: Bus, position: int) -> list[StoredMessage]:
    last = await bus.last_sequence("WRITES")
    messages: list[StoredMessage] = []
    async with bus.follow("WRITES", ["tickbus.write.>"], position) as follower:
        while not messages or messages[-1].seq < last:
            messages += await follower.batch()
    return messages


@pytest.mark.parametrize("path", ["/write", "/kapacitor/v1/write", "/kapacitor/v1preview/write"])
async def test_a_write_reaches_the_stream_as_it_came(gateway: httpx.AsyncClient, bus: Bus, path: str) -> None:
    position, before = await bus.last_sequence("WRITES"), time.time_ns()
    answer = await gateway.post(f"{path}?db=my.db&rp=&precision=s", content=b"cpu v=1 5\ncpu v=2 6")
    assert (answer.status_code, answer.content) == (204, b"")
    (message,) = await written_after(bus, position)
    assert (message.subject, message.data) == ("tickbus.write.my=2Edb.=", b"cpu v=1 5\ncpu v=2 6")
    assert message.headers is not None
    assert message.headers["precision"] == "s"
    assert before <= int(message.headers["received"]) <= time.time_ns()


async def test_it_is_kept_who_has_written(start_gateway: StartGateway, bus: Bus) -> None:
    async with start_gateway("closed", auth_enabled=True) as gateway:
        user = {"name": "jürgen", "password": "pw", "permissions": ["write_points"]}
        await bus.request(command_subject("user", "create"), orjson.dumps(user))
        position = await bus.last_sequence("WRITES")
        for body in (b"m v=1 5", b"m v=1"):
            answer = await gateway.post(
                "/write?db=a", content=body, headers={"Authorization": "Token jürgen:pw".encode()}
            )
            assert answer.status_code == 204
    messages = await written_after(bus, position)
    assert [written(message, 0)["user"] for message in messages] == ["jürgen", "jürgen"]


async def test_errors_come_in_kapacitors_order_and_words(gateway: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    gz = {"Content-Encoding": "gzip"}
    for query, body, headers, text in [
        ("", b"cpu", {}, "unable to parse 'cpu': missing fields\n"),
        ("", b"cpu v=1", {}, "database is required\n"),
        ("rp=x", b"", {}, "database is required\n"),
        ("db=a", b"cpu v=1\nbad\ncpu v=2", {}, "unable to parse 'bad': missing fields\n"),
        ("db=a", b"cpu v=1", gz, "unexpected EOF\n"),
        ("db=a", b"", gz, "EOF\n"),
        ("db=a", b"not gzip at all", gz, "gzip: invalid header\n"),
        ("db=a", gzip.compress(b"cpu v=1")[:-3], gz, "unexpected EOF\n"),
        ("db=a", gzip.compress(b"cpu v=1")[:-8] + b"00000000", gz, "gzip: invalid checksum\n"),
        ("db=a", gzip.compress(b"cpu"), gz, "unable to parse 'cpu': missing fields\n"),
    ]:
        answer = await gateway.post(f"/write?{query}", content=body, headers=headers)
        assert (answer.status_code, answer.text) == (400, text)
    answer = await gateway.post("/write?db=" + "x" * 5000, content=b"cpu v=1")
    assert answer.status_code == 400 and "too long" in answer.text
    assert await bus.last_sequence("WRITES") == position


async def test_gzip_in_several_members(gateway: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    body = gzip.compress(b"cpu v=1\n") + gzip.compress(b"cpu v=2\n")
    answer = await gateway.post("/write?db=a&rp=b", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 204
    assert [m.data for m in await written_after(bus, position)] == [b"cpu v=1\ncpu v=2\n"]


async def test_what_is_too_big_is_413_zipped_or_not(start_gateway: StartGateway, bus: Bus) -> None:
    body = b"cpu v=1\n" * 1000
    async with start_gateway(max_body_size=4000) as client:
        answer = await client.post("/write?db=a", content=body)
        assert (answer.status_code, answer.text) == (413, "body too large: 8000 bytes, at most 4000 are taken\n")
        answer = await client.post("/write?db=a", content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.text) == (413, "body too large: over 4000 bytes when ungzipped\n")
        answer = await client.post("/write?db=a", content=body[:4000])
        assert answer.status_code == 204


async def test_a_body_over_the_message_limit_is_cut_at_line_ends(gateway: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    body = b'cpu,host=server01 s="two\nlines",v=1 1700000000000000000\n' * (bus.max_payload // 40)
    answer = await gateway.post("/write?db=a&rp=b", content=body, headers={"Idempotency-Key": "big"})
    assert answer.status_code == 204
    messages = await written_after(bus, position)
    assert len(messages) == 2
    assert b"".join(m.data for m in messages) == body
    assert all(m.data.endswith(b"0\n") for m in messages)
    answer = await gateway.post("/write?db=a&rp=b", content=body, headers={"Idempotency-Key": "big"})
    assert answer.status_code == 204
    assert await bus.last_sequence("WRITES") == messages[-1].seq


async def test_a_repeat_under_one_key_is_written_once_in_each_place(gateway: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    for place in ("db=a&rp=b", "db=a&rp=b", "db=a&rp=c", "db=c&rp=b", "db=a&rp=c"):
        headers = {"Idempotency-Key": "a key, with more"}
        assert (await gateway.post(f"/write?{place}", content=b"cpu v=1", headers=headers)).status_code == 204
    subjects = [m.subject for m in await written_after(bus, position)]
    assert subjects == ["tickbus.write.a.b", "tickbus.write.a.c", "tickbus.write.c.b"]


async def test_without_an_acknowledgement_the_answer_is_503(
    gateway: httpx.AsyncClient, nats_server: NatsServer
) -> None:
    nats_server.freeze()
    try:
        answer = await gateway.post("/write?db=a", content=b"cpu v=1")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        nats_server.thaw()
    for _ in range(100):
        if (await gateway.post("/write?db=a", content=b"cpu v=1")).status_code == 204:
            return
        await asyncio.sleep(0.05)
    pytest.fail("no write is taken after the server is back")


async def test_a_client_that_hangs_up_has_written_nothing(
    gateway: httpx.AsyncClient, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    position = await bus.last_sequence("WRITES")
    host, port = gateway.base_url.host, gateway.base_url.port
    for sent in (b"cpu v=1\ncpu v=", b""):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(b"POST /write?db=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + sent)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await gateway.get("/kapacitor/v1/ping")).status_code == 204
    assert await bus.last_sequence("WRITES") == position
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_connection_is_used_again_and_closed_at_the_end(start_gateway: StartGateway) -> None:
    async with start_gateway(shutdown_timeout=1.0) as client:
        host, port = client.base_url.host, client.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        for _ in range(3):
            writer.write(b"POST /write?db=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\ncpu v=1")
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 204")
    assert await reader.read() == b""
    writer.close()
