"""Clients that keep the server waiting, many of them, large ones: everybody else is served all the same."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import urlsplit

import httpx
import pytest

from services.gateway import main
from services.gateway.http.connections import bodies, connection, wire
from services.gateway.http.connections.connection_limit import ConnectionLimit
from services.gateway.http.gunzip import gunzip
from services.gateway.http.rejection import RequestRejected
from services.gateway.operations import json_body
from tests.unit.services.gateway.conftest import StartGateway

WRITE = b"POST /write?db=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%b\r\n"
ROUNDABOUT = b"TE: trailers\r\n"  # which only Hypercorn's way takes
COMMAND = b"POST /kapacitor/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%b\r\n"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes half a minute takes half a second."""
    monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(connection, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(wire, "SILENCE_SECONDS", 0.5)


@contextlib.asynccontextmanager
async def connected(client: httpx.AsyncClient) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    url = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize("head", [WRITE, COMMAND])
@pytest.mark.parametrize("headers", [b"", ROUNDABOUT])
async def test_a_body_that_does_not_come_is_not_waited_for(
    hasty: None, start_gateway: StartGateway, head: bytes, headers: bytes
) -> None:
    async with start_gateway() as client, connected(client) as (reader, writer):
        writer.write(head % (1000, headers) + b"cpu")
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"did not come in time" in answer


async def test_a_body_that_comes_in_drops_is_not_waited_for(hasty: None, start_gateway: StartGateway) -> None:
    async with start_gateway() as client, connected(client) as (reader, writer):
        writer.write(WRITE % (1 << 20, b""))
        answer = asyncio.create_task(reader.read())
        begun = time.monotonic()
        while not answer.done() and time.monotonic() < begun + 10:
            writer.write(b"x")
            await asyncio.wait([answer], timeout=0.1)
        assert (await answer).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"POST /wri", b"GET /kapacitor/v1/ping HTTP/1.1\r\nHost: localhost\r\nX-A: "])
async def test_a_head_that_does_not_come_whole_is_not_waited_for(
    hasty: None, start_gateway: StartGateway, begun: bytes
) -> None:
    async with start_gateway() as client, connected(client) as (reader, writer):
        writer.write(begun)
        await asyncio.wait_for(reader.read(), 10)


async def test_who_only_waits_makes_room(start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten connections are all there may be, and fifty send a head and no body."""
    monkeypatch.setattr(main, "most_connections", lambda: 10)
    async with start_gateway() as client, contextlib.AsyncExitStack() as open_:
        for number in range(50):
            _, writer = await open_.enter_async_context(connected(client))
            writer.write((WRITE if number % 2 else COMMAND) % (1000, b""))
            await writer.drain()
        answer = await client.post("/write?db=a", content=b"cpu v=1 1")
        assert answer.status_code == 204
        assert (await client.get("/kapacitor/v1/ping")).status_code == 204


class Waiting:
    """A connection of somebody's, who has been silent since then."""

    def __init__(self, client: str, waits_since: float | None) -> None:
        self.client, self.waits_since = client, waits_since
        self.left = False

    def evict(self) -> None:
        self.left = True


def test_the_one_with_most_connections_has_to_go_first() -> None:
    guests = [Waiting("a", 1.0), Waiting("b", 3.0), Waiting("b", 2.0), Waiting("b", None)]
    assert ConnectionLimit(4).room(guests)
    assert [guest.left for guest in guests] == [False, False, True, False]


def test_who_is_being_answered_stays() -> None:
    guests = [Waiting("a", None), Waiting("b", None)]
    assert not ConnectionLimit(2).room(guests)
    assert not any(guest.left for guest in guests)


def test_the_limit_of_open_files_is_raised() -> None:
    """In a process of its own, for it stays raised."""
    script = (
        "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard)); "
        "from services.gateway.http.connections.connection_limit import most_connections; most = most_connections(); "
        "assert most == max(min(hard if hard >= 0 else 65536, 65536) - 64, 64), (most, hard)"
    )
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", script) == 0


@pytest.fixture
def little_memory(start_gateway: StartGateway) -> StartGateway:
    return lambda: start_gateway(max_bodies=300_000)


@pytest.mark.parametrize("headers", [b"", ROUNDABOUT])
async def test_all_bodies_together_have_a_bound(little_memory: StartGateway, headers: bytes) -> None:
    """Two of 200 kB do not fit at once; the second is told to come again, and does when the first is through."""
    line = b"cpu v=1 1\n"
    body = line * 20_000
    async with little_memory() as client, connected(client) as (reader, writer):
        writer.write(WRITE % (len(body), headers) + body[:-1])
        await writer.drain()
        await _until_refused(client, body)
        writer.write(b"\n")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 204 ")
        assert (await client.post("/write?db=a", content=body)).status_code == 204


async def _until_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """The other one has been read as far as it has come once this one is refused."""
    async with asyncio.timeout(10):
        while (answer := await client.post("/write?db=a", content=body)).status_code != 503:
            assert answer.status_code == 204
    assert answer.headers["Retry-After"] == "1"
    assert "at once" in answer.text


async def test_http2_without_tls_is_not_spoken(gateway: httpx.AsyncClient) -> None:
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}
    answer = await gateway.get("/kapacitor/v1/ping", headers=upgrade)
    assert (answer.status_code, answer.http_version) == (204, "HTTP/1.1")
    async with connected(gateway) as (reader, writer):
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 ")


def zipped(members: int) -> bytes:
    return gzip.compress(b"", mtime=0) * members


def test_a_body_of_empty_members_is_read_in_a_moment() -> None:
    begun = time.process_time()
    assert gunzip(zipped(9_999) + gzip.compress(b"cpu v=1"), 100) == b"cpu v=1"
    with pytest.raises(RequestRejected, match="more than 10000 members"):
        gunzip(zipped(200_000), 100)
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("size", [0, 1, 16 << 10, (16 << 10) + 1, 1 << 20])
def test_gunzip(size: int) -> None:
    text = os.urandom(size)
    assert gunzip(gzip.compress(text), size) == text
    assert gunzip(gzip.compress(text) + gzip.compress(text), 2 * size) == text + text
    if size:
        with pytest.raises(RequestRejected) as refused:
            gunzip(gzip.compress(text), size - 1)
        assert refused.value.status == 413
        with pytest.raises(RequestRejected, match="unexpected EOF"):
            gunzip(gzip.compress(text)[:-1], size)


async def test_a_client_that_does_not_take_its_answer_is_dropped(hasty: None, start_gateway: StartGateway) -> None:
    async with start_gateway() as client, connected(client) as (_, writer):
        # what is asked for again and again is answered with far more than the system's buffers hold
        writer.write(b"GET /kapacitor/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        transport = cast(asyncio.Transport, writer.transport)
        transport.pause_reading()
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):
                while not transport.is_closing():
                    writer.write(b"GET /kapacitor/v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        assert (await client.get("/kapacitor/v1/ping")).status_code == 204


@pytest.mark.parametrize("sent", ["whole", "in parts"])
async def test_json_has_a_bound(gateway: httpx.AsyncClient, sent: str) -> None:
    body = b"[" + b"[]," * (json_body.MOST_BYTES // 3) + b"[]]"

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1 << 16):
            yield body[at : at + (1 << 16)]

    headers = {"Content-Type": "application/json"}
    content = body if sent == "whole" else parts()
    answer = await gateway.post("/kapacitor/v1/tasks", content=content, headers=headers)
    assert answer.status_code == 413
    assert answer.json() == {"error": "body too large: JSON of more than 4194304 bytes is not taken"}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"vars": {"x": {"type": "float", "value": 1e400}}}',
        b'{"vars": {"x": {"type": "int", "value": ' + b"1" * 1_000_000 + b"}}}",
    ],
)
async def test_json_that_is_too_deep_or_holds_too_large_numbers_is_none(
    gateway: httpx.AsyncClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await gateway.post("/kapacitor/v1/tasks", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid JSON"})


async def test_what_a_task_is_asked_for_with_has_bounds(gateway: httpx.AsyncClient) -> None:
    number = {"type": "int", "value": 1}
    for given, error in (
        ({"dbrps": [{"db": "a", "rp": "b"}] * 1001}, "there are more than 1000 dbrps"),
        (
            {"vars": {f"x{i}": number for i in range(20_001)}},
            "the vars and the items of their lists are more than 20000",
        ),
        ({"script": "// " + "x" * (1 << 18)}, "the script is longer than 262144 characters"),
        ({"script": "stream|from()" + "|log()" * 600}, "more than 500 nodes stand in a row"),
    ):
        task = {"id": "t", "type": "stream", "script": "stream|from()", "dbrps": [{"db": "a", "rp": "b"}], **given}
        answer = await gateway.post("/kapacitor/v1/tasks", json=task)
        assert answer.status_code == 400 and error in answer.json()["error"], answer.text


def test_what_is_damaged_anywhere_is_never_taken_for_another_text() -> None:
    text = b"".join(b"cpu,host=a%d v=%d\n" % (n % 7, n * n) for n in range(300))
    whole = gzip.compress(text, mtime=0)
    for place in range(len(whole)):
        damaged = whole[:place] + bytes([whole[place] ^ 0x24]) + whole[place + 1 :]
        with contextlib.suppress(RequestRejected):
            assert gunzip(damaged, 1 << 20) == text
