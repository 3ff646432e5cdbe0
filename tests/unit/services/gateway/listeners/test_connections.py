"""Connections to inputs: which stay, and what becomes of them when the gateway stops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from services.gateway.listeners import connections
from services.gateway.listeners.connections import Connections, Reader, lines


class Taken:
    """Takes the lines of all connections; of each as many at once as there are in `may`."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.some = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()

    async def handle(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        async for line in lines(reader, unended=True):
            self.lines.append(line)
            self.some.set()
            await self.may.wait()


@contextlib.asynccontextmanager
async def listening(taken: Taken) -> AsyncIterator[tuple[Connections, int]]:
    made = Connections("test", taken.handle)
    address = await made.start("127.0.0.1:0")
    try:
        yield made, int(address.rpartition(":")[2])
    finally:
        await made.stop()


async def send(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return reader, writer


async def taken_line(taken: Taken) -> None:
    async with asyncio.timeout(20):
        await taken.some.wait()
    taken.some.clear()


async def test_what_has_come_is_handled_when_the_gateway_stops_but_no_part_of_a_line() -> None:
    taken = Taken()
    taken.may.clear()
    async with listening(taken) as (made, port):
        reader, writer = await send(port, b"first\nsecond\nthi")
        await taken_line(taken)
        stopping = asyncio.create_task(made.stop())
        await asyncio.sleep(0)
        taken.may.set()
        await stopping
        assert taken.lines == [b"first\n", b"second\n"] and made.active == 0
        assert await reader.read() == b""
        writer.close()


async def test_one_that_is_not_done_in_time_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LAST_SECONDS", 0.05)
    taken = Taken()
    taken.may.clear()
    async with listening(taken) as (made, port):
        _, writer = await send(port, b"first\nsecond\n")
        await taken_line(taken)
        await made.stop()
        assert taken.lines == [b"first\n"] and made.active == 0
        writer.close()


async def test_of_too_many_those_go_that_have_been_silent_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 2)
    taken = Taken()
    async with listening(taken) as (made, port), asyncio.timeout(20):
        opened = []
        for line in (b"a\n", b"b\n"):
            opened.append(await send(port, line))
            await taken_line(taken)
        opened[0][1].write(b"c\n")
        await taken_line(taken)
        opened.append(await send(port, b"d\n"))
        await taken_line(taken)
        with contextlib.suppress(ConnectionResetError):
            assert await opened[1][0].read() == b""
        opened[0][1].write(b"e\n")
        await taken_line(taken)
        assert taken.lines == [b"a\n", b"b\n", b"c\n", b"d\n", b"e\n"]
        assert (made.active, made.handled) == (2, 3)
        for _, writer in opened:
            writer.close()


async def test_senders_that_went_without_a_word_are_noticed_by_the_system() -> None:
    taken = Taken()
    probed: list[int] = []

    async def handle(reader: Reader, writer: asyncio.StreamWriter) -> None:
        probed.append(writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        taken.some.set()

    taken.handle = handle  # type: ignore[method-assign]
    async with listening(taken) as (_, port):
        _, writer = await send(port, b"")
        await taken_line(taken)
        writer.close()
    assert probed == [1]
