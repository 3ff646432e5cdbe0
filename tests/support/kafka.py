"""A broker of Kafka as far as logging in to it goes: what a client says to do so, and a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

_HANDSHAKE, _VERSIONS, _AUTHENTICATE = 17, 18, 36
_REFUSED = 58
_SPOKEN = ((0, 0, 3), (3, 0, 1), (_HANDSHAKE, 0, 1), (_VERSIONS, 0, 0), (_AUTHENTICATE, 0, 0))


class Broker:
    """mechanism and first: what the last client has chosen, and what it has said first."""

    def __init__(self) -> None:
        self.port = 0
        self.mechanism, self.first = "", b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it goes."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                kind, _, correlation, named = struct.unpack(">hhih", request[:10])
                answer = struct.pack(">i", correlation) + self._answer(kind, request[10 + max(named, 0) :])
                writer.write(struct.pack(">i", len(answer)) + answer)
        writer.close()

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == _VERSIONS:
            spoken = b"".join(struct.pack(">hhh", *one) for one in _SPOKEN)
            return struct.pack(">hi", 0, len(_SPOKEN)) + spoken
        if kind == _HANDSHAKE:
            self.mechanism = body[2:].decode()
            return struct.pack(">hi", 0, 1) + body
        assert kind == _AUTHENTICATE, kind
        self.first = body[4:]
        return struct.pack(">hh", _REFUSED, 9) + b"not today" + struct.pack(">i", 0)


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[Broker]:
    """One that runs."""
    one = Broker()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
