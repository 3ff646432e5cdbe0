"""A stand-in for an InfluxDB 2.x: its HTTP API as far as it is used, with answers that a test gives it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. headers: by names in lower case."""

    method: str
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Influx2:
    """asked: the requests so far. answers: status, content type and body by path; a path without one answers 404."""

    url: str = ""
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def flux(self, csv: str) -> None:
        """Answer all Flux with this annotated CSV."""
        self.answers["/api/v2/query"] = (200, "text/csv; charset=utf-8", csv.replace("\n", "\r\n"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                url = urlsplit(target)
                self.asked.append(Asked(method, url.path, dict(parse_qsl(url.query)), headers, body))
                missing = (404, "application/json", '{"code": "not found", "message": "path not found"}')
                status, kind, text = self.answers.get(url.path, missing)
                data = text.encode()
                length = f"content-length: {len(data)}\r\n" if status != 204 else ""
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{length}\r\n".encode() + data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def influx2() -> AsyncIterator[Influx2]:
    """One that listens on loopback."""
    standin = Influx2()
    server = await asyncio.start_server(standin.serve, "127.0.0.1", 0)
    standin.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield standin
    finally:
        server.close()
