"""A server whose metrics are scraped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class TargetServer:
    """Answers GET by path. answers: status and body; others are 404. headers: more of those of all answers. heads:
    those of the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.headers: dict[str, str] = {}
        self.heads: list[str] = []
        self.address = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        status, body = self.answers.get(head.split(" ")[1].partition("?")[0], (404, b""))
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode()
        head = b"HTTP/1.1 %d X\r\nConnection: close\r\n%bContent-Length: %d\r\n\r\n" % (status, more, len(body))
        writer.write(head + body)
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def target_server() -> AsyncIterator[TargetServer]:
    """A running one."""
    served = TargetServer()
    server = await asyncio.start_server(served.answer, "127.0.0.1", 0)
    served.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield served
    server.close()
