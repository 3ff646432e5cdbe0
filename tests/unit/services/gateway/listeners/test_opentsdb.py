"""OpenTSDB's lines and HTTP: what is made of them and answered, held against Kapacitor 1.5.7."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.config import Config, Http, Nats
from schemas.config.inputs import OpenTsdb
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners import connections
from services.gateway.listeners.formats.opentsdb_points import LARGEST_POINT, BadBody, read_body
from services.gateway.listeners.opentsdb import OpenTsdbListener
from tests.support.certificates import in_one, make_pair
from tests.support.nats import NatsServer
from tests.unit.services.gateway.http.writing.test_writes import written_after
from tests.unit.services.gateway.listeners.points import in_order, shown
from tests.unit.services.gateway.listeners.test_udp import until

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "opentsdb.json").read_text())
"""Lines and requests, what Kapacitor answered, and the points that it made of them."""

POINT = '{"metric":"m","timestamp":1356998400,"value":1}'


def configured(tmp_path: Path, **given: object) -> Config:
    settings = OpenTsdb(**{"enabled": True, "bind_address": "127.0.0.1:0", "batch_timeout": 0.05, **given})  # type: ignore[arg-type]
    return Config(data_dir=tmp_path, opentsdb=settings, http=Http(max_body_size=1 << 20), nats=Nats(ack_timeout=0.2))


@pytest.fixture
async def listener(bus: Bus, tmp_path: Path) -> AsyncIterator[OpenTsdbListener]:
    config = configured(tmp_path)
    listener = OpenTsdbListener(config, LineStore(config, bus, NatsDisk(config, bus)), Bodies(1 << 30))
    await listener.start()
    yield listener
    await listener.stop(5)


@pytest.fixture
async def client(listener: OpenTsdbListener) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{listener.address}", timeout=20) as client:
        yield client


async def points_after(bus: Bus, position: int) -> list[Any]:
    messages = await written_after(bus, position)
    assert {message.subject for message in messages} == {"tickbus.write.opentsdb.="}
    return shown(b"\n".join(message.data for message in messages))


async def test_lines_are_the_points_of_kapacitor(listener: OpenTsdbListener, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    host, _, port = listener.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join(RECORDED["telnet"]).encode())
    writer.write_eof()
    assert await reader.read() == b"InfluxDB TSDB proxy"
    await until(lambda: listener.statistic()[2]["pointsTx"] == len(RECORDED["points"]))
    assert await points_after(bus, position) == in_order(RECORDED["points"])
    values = listener.statistic()[2]
    counted = {key: value for key, value in values.items() if key.startswith("tl")}
    assert counted == {
        "tlConnsActive": 0,
        "tlConnsHandled": 1,
        "tlPointsRx": len(RECORDED["telnet"]),
        "tlBytesRx": sum(map(len, RECORDED["telnet"])),
        "tlReadErr": 0,
        "tlBadLine": 3,
        "tlBadTime": 4,
        "tlBadTag": 3,
        "tlBadFloat": 3,
    }
    assert (values["connsHandled"], values["httpConnsHandled"]) == (1, 0)


async def test_requests_are_answered_as_by_kapacitor(
    listener: OpenTsdbListener, client: httpx.AsyncClient, bus: Bus
) -> None:
    position = await bus.last_sequence("WRITES")
    for method, path, body, status, text in RECORDED["http"]:
        answer = await client.request(method, path, content=body)
        assert (answer.status_code, answer.text) == (status, text), (method, path, body)
    assert await points_after(bus, position) == in_order(RECORDED["http_points"])
    values = listener.statistic()[2]
    assert (values["connsHandled"], values["httpConnsHandled"], values["droppedPointsInvalid"]) == (1, 1, 2)


async def test_bodies_may_be_zipped_and_have_a_largest_size(client: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    zipped = {"Content-Encoding": "gzip"}
    answer = await client.post("/api/put", content=gzip.compress(POINT.encode()), headers=zipped)
    assert answer.status_code == 204
    answer = await client.post("/api/put", content=b"no gzip", headers=zipped)
    assert (answer.status_code, answer.text) == (400, "could not read gzip, unexpected EOF\n")
    answer = await client.post("/api/put", content=gzip.compress(b"[" + b" " * (1 << 20)), headers=zipped)
    assert answer.status_code == 413
    answer = await client.post("/api/put", content=b"[" + b" " * (1 << 20))
    assert answer.status_code == 413
    assert [point[0] for point in await points_after(bus, position)] == ["m"]


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"HEAD /api/put", b"HTTP/1.1 405 .*\r\n\r\n"),
        (b"post /api/put", b"HTTP/1.1 405 .*\r\n\r\nMethod Not Allowed\n"),
        (b"POST http://[::1", b"HTTP/1.1 404 .*\r\n\r\n404 page not found\n"),
        (b"POST http://h/api/metadata/put?details", b"HTTP/1.1 204 .*\r\n\r\n"),
        (b"CONNECT h:1", b"HTTP/1.1 404 .*\r\n\r\n404 page not found\n"),
    ],
)
async def test_odd_requests_are_answered(listener: OpenTsdbListener, head: bytes, answer: bytes) -> None:
    host, _, port = listener.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(20):
        assert re.fullmatch(answer, await reader.read(), re.DOTALL)
    writer.close()


@pytest.mark.parametrize("head", [b"POST /api/put HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_is_no_http_is_answered_and_the_connection_closed(listener: OpenTsdbListener, head: bytes) -> None:
    host, _, port = listener.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head)
    async with asyncio.timeout(20):
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_request_that_the_stop_cuts_off_is_not_answered(listener: OpenTsdbListener) -> None:
    host, _, port = listener.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/put HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
    async with asyncio.timeout(20):
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        await listener.stop(5)
        assert await reader.read() == b""
    writer.close()


async def test_without_a_bus_a_request_is_answered_503(client: httpx.AsyncClient, nats_server: NatsServer) -> None:
    nats_server.stop()
    answer = await client.post("/api/put", content=POINT)
    nats_server.start()
    assert answer.status_code == 503 and answer.text.startswith("write series error: ")


async def test_it_may_speak_tls(bus: Bus, store: LineStore, tmp_path: Path) -> None:
    made = in_one(make_pair(tmp_path))
    config = configured(tmp_path, tls_enabled=True, certificate=str(made))
    listener = OpenTsdbListener(config, store, Bodies(1 << 30))
    await listener.start()
    async with httpx.AsyncClient(base_url=f"https://{listener.address}", timeout=20, verify=False) as client:
        assert (await client.post("/api/put", content=POINT)).status_code == 204
    host, _, port = listener.address.rpartition(":")

    def shown() -> str:
        return ssl.get_server_certificate((host, int(port)))

    first = await asyncio.to_thread(shown)
    in_one(make_pair(tmp_path))
    listener.reload()
    second = await asyncio.to_thread(shown)
    assert first != second
    made.write_text("none")
    listener.reload()
    assert await asyncio.to_thread(shown) == second, "what cannot be used changes nothing"
    await listener.stop(5)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"timestamp":' + b"9" * 5000 + b"}",
        b"{\xff",
        b'[{"value":-1e999}]',
        b"{1:2}",
        b"[{}",
        b"[{},]",
        b"[{} {}]",
        b"[,{}]",
        b"[[]]",
        b'{"x":"' + b"x" * LARGEST_POINT + b'"}',
        b'[{},{"x":"' + b"x" * LARGEST_POINT + b'"}]',
    ],
)
def test_no_body_is_more_than_a_mistake(body: bytes) -> None:
    with pytest.raises(BadBody, match=r"^json (array|object) decode error$"):
        read_body(body)


@pytest.mark.parametrize("gap", [b"", b" \n", b" " * LARGEST_POINT], ids=["none", "some", "much"])
def test_an_array_is_read_element_after_element(gap: bytes) -> None:
    point = b'{"metric":"m","timestamp":1,"value":1,"x":"' + b"x" * (LARGEST_POINT // 3) + b'"}'
    body = b"[" + gap + (gap + b"," + gap).join([point] * 7 + [b"null", b"{}"]) + gap + b"] and more"
    read = read_body(body)
    assert (len(read.lines), read.refused) == (7, 2) and "cannot be written" in read.why
    assert read_body(b"[" + gap + b"]").lines == []


def test_a_body_takes_no_more_memory_than_a_few_times_its_size() -> None:
    body = b"[" + b"{}," * 100_000 + b"{}]"
    tracemalloc.start()
    try:
        assert read_body(body).refused == 100_001
        assert tracemalloc.get_traced_memory()[1] < 3 * len(body) + (8 << 20)
    finally:
        tracemalloc.stop()


def test_tags_that_come_again_and_again_take_time_by_their_number() -> None:
    tags = b"".join(b'"tags":{"%d":"b"},' % number for number in range(40_000))
    began = time.process_time()
    assert read_body(b"{" + tags + b'"metric":"m"}').refused == 1
    assert time.process_time() - began < 3


def test_a_certificate_that_is_none_is_named(store: LineStore, tmp_path: Path) -> None:
    config = configured(tmp_path, tls_enabled=True, certificate=str(tmp_path / "none.pem"))
    with pytest.raises(OSError, match=r"none\.pem"):
        OpenTsdbListener(config, store, Bodies(1 << 30))


async def test_who_does_not_take_what_is_answered_keeps_nobody_out(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 1)
    config = configured(tmp_path)
    listener = OpenTsdbListener(config, LineStore(config, bus, NatsDisk(config, bus)), Bodies(1 << 30))
    await listener.start()
    host, _, port = listener.address.rpartition(":")
    with socket.create_connection((host, int(port))) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        asking = asyncio.create_task(loop.sock_sendall(deaf, b"version\n" * 500_000))
        asked = 0
        while (now := listener.statistic()[2]["tlPointsRx"]) > asked or not now:  # until it goes no further
            asked = now
            await asyncio.sleep(0.2)
        answer = b""
        async with asyncio.timeout(20):
            while not answer:
                reader, writer = await asyncio.open_connection(host, int(port))
                with contextlib.suppress(ConnectionResetError):
                    writer.write(b"version\n")
                    answer = await reader.read(100)
                writer.close()
        assert answer == b"InfluxDB TSDB proxy"
        asking.cancel()
        await asyncio.wait([asking])
    await listener.stop(5)
