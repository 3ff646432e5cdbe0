"""The series of an answer as they come: in parts, from a real InfluxDB and from servers that break off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient, InfluxDBError
from tests.support.influx import BINARY, Influxd, influxd


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx")) as server:
        server.query("CREATE DATABASE d")
        lines = "\n".join(f'm,host={h} v={i},s="a\x85b" {i}' for h in "ab" for i in range(5))
        assert httpx.post(f"{server.url}/write", params={"db": "d"}, content=lines.encode()).status_code == 204
        yield server


def client(*urls: str) -> InfluxDBClient:
    return InfluxDBClient(InfluxDB(urls=urls, timeout=5.0))


async def found(client: InfluxDBClient, text: str, rows: int = 10_000) -> list[tuple[dict[str, Any], bool]]:
    return [one async for one in client.series(text, rows)]


@pytest.mark.skipif(BINARY is None, reason="no influxd here")
async def test_a_series_comes_in_parts_and_the_last_one_is_told(influx: Influxd) -> None:
    parts = await found(client(influx.url), "SELECT v FROM d.autogen.m GROUP BY host", rows=2)
    assert [(p["tags"]["host"], len(p["values"]), whole) for p, whole in parts] == [
        (host, rows, whole) for host in "ab" for rows, whole in ((2, False), (2, False), (1, True))
    ]
    assert [row[0] for p, _ in parts[:3] for row in p["values"]] == [0, 1, 2, 3, 4]


@pytest.mark.skipif(BINARY is None, reason="no influxd here")
async def test_what_a_string_holds_does_not_end_a_line(influx: Influxd) -> None:
    parts = await found(client(influx.url), "SELECT s FROM d.autogen.m WHERE host = 'a' LIMIT 1")
    assert parts[0][0]["values"] == [[0, "a\x85b"]]


@pytest.mark.skipif(BINARY is None, reason="no influxd here")
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT v FROM nowhere.autogen.m", "database not found: nowhere"),
        ("SELECT v FROM", "error parsing query: found EOF, expected identifier at line 1, char 15"),
    ],
)
async def test_a_refusal_is_told_in_its_words(influx: Influxd, text: str, error: str) -> None:
    with pytest.raises(InfluxDBError, match=error):
        await found(client(influx.url), text)


async def test_a_server_that_is_down_is_passed_over() -> None:
    async with answering(b'{"results":[{"series":[{"name":"m","columns":["time"]}]}]}\n') as url:
        with pytest.raises(InfluxDBError, match=r"http://127\.0\.0\.1:1/query"):
            await found(client("http://127.0.0.1:1"), "SELECT 1")
        for _ in range(2):
            assert len(await found(client("http://127.0.0.1:1", url), "SELECT 1")) == 1


@pytest.mark.parametrize(
    ("answer", "series", "error"),
    [
        (b'{"results":[{"series":[{"name":"m"}]}]}\n{"error":"too much"}\n', 1, "too much"),
        (b'{"results":[{"series":[{"name":"m"}]}]}\n{"results":[{"series', 1, "invalid response"),
        (b"hello\n", 0, "invalid response: hello"),
        (b"[1]\n", 0, "invalid response"),
    ],
)
async def test_what_breaks_off_is_an_error_behind_what_came(answer: bytes, series: int, error: str) -> None:
    got = 0
    async with answering(answer) as url:
        with pytest.raises(InfluxDBError, match=error):
            async for _ in client(url).series("SELECT 1"):
                got += 1
    assert got == series


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"[]", b'{"results": null}', b'{"results": ["m"]}', b'{"results": [{"series": 1}]}'],
)
async def test_an_answer_that_is_none_of_influxdbs_is_an_error(answer: bytes) -> None:
    async with answering(answer) as url:
        with pytest.raises(InfluxDBError, match="invalid response: "):
            await client(url).query("SELECT 1")


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[str]:
    """A server that answers everything with this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).strip():
            pass
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
