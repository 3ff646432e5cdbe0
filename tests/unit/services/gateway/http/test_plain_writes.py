"""Writes that are read without Hypercorn: every one is answered, and stored, as Hypercorn's way would have it."""

from __future__ import annotations

import asyncio
import gzip
import re
import ssl
from collections.abc import Sequence

import httpx
import pytest

from services.bus.connection import Bus
from services.gateway.http.writing import writes
from services.gateway.http.writing.write_request import plain_head
from tests.support.nats import NatsServer
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.http.writing.test_writes import written_after

PLAIN, ROUNDABOUT = b"", b"TE: trailers\r\n"
"""Headers that change nothing but the way a request takes."""

GZIP = b"Content-Encoding: gzip\r\n"
MASKED = re.compile(rb"(?<=\r\nrequest-id: )[0-9a-f]+-[0-9a-f]+|(?<=\r\ndate: )[^\r]+")

Stored = list[tuple[str, bytes, str]]


def post(
    query: bytes, body: bytes, headers: bytes = b"", path: bytes = b"/write", length: bytes | None = None
) -> bytes:
    """One request, with @ where the header goes that says which way it takes."""
    size = length or b"%d" % len(body)
    return b"POST %b%b HTTP/1.1\r\nHost: localhost\r\n@%bContent-Length: %b\r\n\r\n%b" % (
        path,
        query,
        headers,
        size,
        body,
    )


PING = b"GET /kapacitor/v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
GOOD = post(b"?db=a&rp=b&precision=s", b"cpu v=1 1700000000")

TAKEN = [
    GOOD,
    post(b"?db=a", b"cpu v=1", path=b"/kapacitor/v1/write"),
    post(b"?db=a", b"cpu v=1", path=b"/kapacitor/v1preview/write"),
    post(b"?db=my.db&rp=&precision=nonsense&db=other&u=x&p=%20y", b"cpu v=1\ncpu v=2\n"),
    post(b"?db=a&consistency=any#x", b"cpu v=1"),
    post(b"?db=%C3%A4&rp=a%2Eb+c", b"cpu v=1"),
    post(b"?db=a", b""),
    post(b"?db=a", b" \n\n"),
    post(b"?db=a", b"# a remark\n"),
    post(b"?db=a", 'maß,ort=Köln v="ü"'.encode()),
    post(b"?db=a", gzip.compress(b"cpu v=1\n") + gzip.compress(b"cpu v=2\n"), GZIP),
    post(b"?db=a", b"cpu v=1", b"Origin: http://here\r\n"),
    post(b"?db=a", b"cpu v=1", b"connection: Keep-Alive\r\nuser-agent:\t a b \r\nX-Empty:\r\n"),
    post(b"?db=a", b"cpu v=1 1700000000000000000\n" * 20_000),
]
REFUSED = [
    post(b"?rp=b", b"cpu v=1 1"),
    post(b"?rp=b", b""),
    post(b"?", b"cpu"),
    post(b"?db=", b"cpu v=1"),
    post(b"?db=" + b"x" * 2000, b"cpu v=1"),
    post(b"?db=a", b"x" * 2_000_000),
    post(b"?db=a", b"cpu v=1", GZIP),
    post(b"?db=a", b"", GZIP),
    post(b"?db=a", gzip.compress(b"cpu v=1")[:-3], GZIP),
    post(b"?db=a", gzip.compress(b"cpu v=1 1\n" * 200_000), GZIP),
    *(
        post(b"?db=a&precision=s", line)
        for line in [
            b"m",
            b"m 1700000000",
            b"m v 1700000000",
            b"m v= 1700000000",
            b"m =1 1700000000",
            b"m,host v=1 1700000000",
            b"m,host= v=1 1700000000",
            b",host=a v=1 1700000000",
            b'm v="open 1700000000',
            b"m v=1.5i 1700000000",
            b"m v=1e999 1700000000",
            b"m v=1 17000x",
            b"m v=1 1700000000 extra",
            b"m,a=1,a=2 v=1 1700000000",
            b"m v=7 1700000000\nm bad\nm v=8 1700000002\n\xff",
        ]
    ),
]
# What is not a plain write goes to Hypercorn in any case, and must reach it whole.
NOT_PLAIN = [
    post(b"", b"cpu v=1"),
    post(b"?db=a", b"cpu v=1", path=b"/%77rite"),
    post(b"?db=a", b"cpu v=1", path=b"/kapacitor/v1//write"),
    post(b"?db=a", b"cpu v=1").replace(b"POST", b"PUT"),
    post(b"?db=a", b"7\r\ncpu v=1\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n").replace(
        b"Content-Length: 17\r\n", b""
    ),
    post(b"?db=a", b"cpu v=1", b"X-Long: %b\r\n" % (b"x" * 5000)),
    post(b"?db=a", b"cpu v=1").replace(b"\r\n", b"\n"),
    post(b"?db=a", b"cpu v=1", b"X: a\r\n b\r\n"),
    post(b"?db=a", b"cpu v=1", b"X: \xe4\r\n"),
]
CLOSING = [
    post(b"?db=a", b"cpu v=1", b"Connection: close\r\n"),
    post(b"?db=a", b"cpu v=1").replace(b"HTTP/1.1", b"HTTP/1.0"),
    post(b"?db=a", b"cpu v=1").replace(b"Host: localhost\r\n", b""),
    post(b"?db=a", b"cpu v=1", b"Host: y\r\n"),
    post(b"?db=a", b"cpu v=1", b"Content-Length: 3\r\n"),
    post(b"?db=a", b"cpu v=1", length=b"+7"),
    post(b"?db=a", b"cpu v=1", length=b"x"),
    post(b"?db=a", b"cpu v=1", b"X : a\r\n"),
    post(b"?db=a", b"cpu v=1", b"X: a\0b\r\n"),
    post(b"?db=a b", b"cpu v=1"),
    b"POST /write?db=a\r\n\r\n",
]


class Connection:
    """A connection to the gateway; what comes back has its ids and dates masked."""

    def __init__(self, client: httpx.AsyncClient, way: bytes, tls: ssl.SSLContext | None = None) -> None:
        self._address = client.base_url.host, client.base_url.port
        self._way = way
        self._tls = tls

    async def __aenter__(self) -> Connection:
        self._reader, self._writer = await asyncio.open_connection(*self._address, ssl=self._tls)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    async def send(self, *pieces: bytes) -> None:
        """Send, piece by piece, each in a packet of its own."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            for _ in range(3):
                await asyncio.sleep(0)

    async def request(self, request: bytes, answers: int = 1) -> list[bytes]:
        await self.send(self.on_its_way(request))
        return [await self.answer() for _ in range(answers)]

    def on_its_way(self, request: bytes) -> bytes:
        return request.replace(b"\n@", b"\n" + self._way)

    async def answer(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        return MASKED.sub(b"?", head) + body

    async def end(self, half_close: bool = False) -> bytes:
        """Everything until the gateway closes the connection."""
        if half_close:
            self._writer.write_eof()
        return MASKED.sub(b"?", await self._reader.read())


async def stored_since(bus: Bus, position: int) -> Stored:
    if await bus.last_sequence("WRITES") == position:
        return []
    messages = await written_after(bus, position)
    return [(m.subject, m.data, (m.headers or {})["precision"]) for m in messages]


async def both_ways(client: httpx.AsyncClient, bus: Bus, requests: Sequence[bytes]) -> list[bytes]:
    """The answers to requests on one connection, which must be the same either way; and so must be what is stored."""
    results: list[tuple[list[bytes], Stored]] = []
    for way in (PLAIN, ROUNDABOUT):
        position = await bus.last_sequence("WRITES")
        async with Connection(client, way) as connection:
            answers = [answer for request in requests for answer in await connection.request(request)]
        results.append((answers, await stored_since(bus, position)))
    for number, (plain, roundabout) in enumerate(zip(results[0][0], results[1][0], strict=True)):
        assert plain == roundabout, requests[number][:300]
    assert results[0][1] == results[1][1]
    return results[0][0]


def test_which_way_a_request_takes() -> None:
    for request in TAKEN + REFUSED:
        assert plain_head(request.replace(b"@", PLAIN, 1)) is not None, request[:300]
        assert plain_head(request.replace(b"@", ROUNDABOUT, 1)) is None
    for request in NOT_PLAIN + CLOSING:
        assert plain_head(request.replace(b"@", PLAIN, 1)) is None, request[:300]


async def test_answers_are_the_same_byte_for_byte(start_gateway: StartGateway, bus: Bus) -> None:
    async with start_gateway(max_body_size=1_500_000, cors=("http://here",)) as client:
        answers = await both_ways(client, bus, TAKEN)
        assert {answer[:13] for answer in answers} == {b"HTTP/1.1 204 "}
        assert answers[0] == b"HTTP/1.1 204 \r\nx-kapacitor-version: 1.5.7\r\nrequest-id: ?\r\ndate: ?\r\n\r\n"
        answers = await both_ways(client, bus, REFUSED)
        assert {answer[:13] for answer in answers} == {b"HTTP/1.1 400 ", b"HTTP/1.1 413 "}
        # Ways alternate on one connection: a plain write follows what Hypercorn has answered, and the other way round.
        await both_ways(client, bus, [GOOD, PING, GOOD, *NOT_PLAIN, GOOD, GOOD, PING])


async def test_what_ends_a_connection_ends_it_behind_the_same_answer(gateway: httpx.AsyncClient, bus: Bus) -> None:
    for request in CLOSING:
        ends = []
        for way in (PLAIN, ROUNDABOUT):
            async with Connection(gateway, way) as connection:
                (first,) = await connection.request(GOOD)
                await connection.send(connection.on_its_way(request))
                ends.append((first, await connection.end()))
        assert ends[0] == ends[1], request


async def test_a_request_may_come_in_two_pieces(gateway: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    async with Connection(gateway, PLAIN) as connection:
        request = connection.on_its_way(GOOD)
        (whole,) = await connection.request(GOOD)
        for at in range(1, len(request)):
            await connection.send(request[:at], request[at:])
            assert await connection.answer() == whole
    assert await stored_since(bus, position) == [("tickbus.write.a.b", b"cpu v=1 1700000000", "s")] * len(request)


@pytest.mark.parametrize("way", [PLAIN, ROUNDABOUT])
async def test_requests_may_come_before_the_answers(gateway: httpx.AsyncClient, bus: Bus, way: bytes) -> None:
    position = await bus.last_sequence("WRITES")
    numbered = [post(b"?db=a&rp=b", b"cpu v=%d" % n) for n in range(50)]
    bad = post(b"?db=a", b"bad")
    async with Connection(gateway, way) as connection:
        (good,) = await connection.request(GOOD)
        (refused,) = await connection.request(bad)
        (pong,) = await connection.request(PING)
        assert await connection.request(b"".join(numbered), 50) == [good] * 50
        assert await connection.request(GOOD + PING + bad + GOOD, 4) == [good, pong, refused, good]
        await connection.send(connection.on_its_way(GOOD + GOOD + b"nonsense\r\n\r\n"))
        rest = await connection.end()
    assert rest.startswith(good + good + b"HTTP/1.1 400 ")
    stored = await stored_since(bus, position)
    assert [data for _, data, _ in stored[1:51]] == [b"cpu v=%d" % n for n in range(50)]
    assert len(stored) == 55


@pytest.mark.parametrize("way", [PLAIN, ROUNDABOUT])
async def test_a_client_that_hangs_up(gateway: httpx.AsyncClient, bus: Bus, way: bytes) -> None:
    position = await bus.last_sequence("WRITES")
    async with Connection(gateway, way) as connection:
        await connection.send(connection.on_its_way(post(b"?db=a", b"cpu v=1\n", length=b"100")))
        assert await connection.end(half_close=True) == b""
    assert await stored_since(bus, position) == []
    async with Connection(gateway, way) as connection:
        await connection.send(connection.on_its_way(GOOD))
        # It has asked for all that it wanted, and still listens.
        assert (await connection.end(half_close=True)).startswith(b"HTTP/1.1 204 ")
    assert len(await stored_since(bus, position)) == 1


async def test_a_server_that_stops_answers_what_is_under_way(start_gateway: StartGateway, bus: Bus) -> None:
    ends = []
    for way in (PLAIN, ROUNDABOUT):
        async with start_gateway(shutdown_timeout=5.0) as client:
            connection = await Connection(client, way).__aenter__()
            request = connection.on_its_way(GOOD)
            await connection.send(request[:-5])
            finished = asyncio.get_running_loop().call_later(0.05, connection._writer.write, request[-5:])
        assert finished.when() < asyncio.get_running_loop().time()
        late = [await connection.end()]
        async with start_gateway(shutdown_timeout=0.05) as client:
            connection = await Connection(client, way).__aenter__()
            await connection.send(request[:-5])
        ends.append([*late, await connection.end()])
    assert ends[0] == ends[1]
    assert ends[0][0].startswith(b"HTTP/1.1 204 ") and ends[0][1].startswith(b"HTTP/1.1 500 ")


async def test_failures_behind_the_gateway(
    gateway: httpx.AsyncClient, nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Connection(gateway, PLAIN) as plain, Connection(gateway, ROUNDABOUT) as roundabout:
        nats_server.freeze()
        try:
            one, other = await asyncio.gather(plain.request(GOOD), roundabout.request(GOOD))
        finally:
            nats_server.thaw()
        assert one == other and one[0].startswith(b"HTTP/1.1 503 ")

        def broken(body: bytes, precision: str) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(writes, "check", broken)
            one, other = await plain.request(GOOD), await roundabout.request(GOOD)
        assert one == other and one[0].startswith(b"HTTP/1.1 500 ")
        one, other = await plain.request(GOOD), await roundabout.request(GOOD)
        assert one == other and one[0].startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("way", [PLAIN, ROUNDABOUT])
async def test_a_repeat_under_one_key(gateway: httpx.AsyncClient, bus: Bus, way: bytes) -> None:
    position = await bus.last_sequence("WRITES")
    async with Connection(gateway, way) as connection:
        for _ in range(2):
            request = post(b"?db=a", b"cpu v=1", b"IDEMPOTENCY-KEY: one %d \r\n" % len(way))
            assert (await connection.request(request))[0].startswith(b"HTTP/1.1 204 ")
    assert len(await stored_since(bus, position)) == 1
