"""The reader gives what asyncio's own gives, whatever the pieces, and holds a transport back as that does."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from services.bus.transport.nats_connection import NatsConnection
from services.bus.transport.piecewise_reader import PiecewiseReader
from tests.support.examples import examples

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
LIMIT = 1 << 16
PIECES = st.lists(st.one_of(st.binary(max_size=3), st.just(b"\r\n"), st.just(b"x" * 300)), max_size=12)
BOTH = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def run(loop: Callable[[], asyncio.AbstractEventLoop], test: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(20):
            await test

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(in_time())


async def everything(reader: asyncio.StreamReader) -> bytes:
    found = []
    while piece := await reader.read(1 << 20):
        found.append(piece)
    assert reader.at_eof()
    return b"".join(found)


async def told(reader: asyncio.StreamReader, lines: int, before: list[bytes], after: list[bytes], end: Any) -> Any:
    """What is read where some pieces come before it is, and others one by one while it is; then an end, or an error."""
    for piece in before:
        reader.feed_data(piece)
    found: list[Any] = [reader.at_eof()]

    async def read() -> None:
        found.extend([await reader.readline() for _ in range(lines)])
        found.append(await everything(reader))

    reading = asyncio.create_task(read())
    for piece in after:
        await asyncio.sleep(0)
        reader.feed_data(piece)
    for _ in range(3 + len(before) + len(after)):
        await asyncio.sleep(0)
    if end is None:
        reader.feed_eof()
    else:
        reader.set_exception(end)
    try:
        await reading
    except (OSError, ValueError) as e:
        found.append(repr(e))
    return [*found, reader.at_eof(), repr(reader.exception())]


@examples(100)
@given(st.integers(0, 2), PIECES, PIECES, st.sampled_from([None, ConnectionResetError("by peer")]))
def test_the_same_is_read(lines: int, before: list[bytes], after: list[bytes], end: Any) -> None:
    async def compare() -> None:
        assert await told(PiecewiseReader(64), lines, before, after, end) == await told(
            asyncio.StreamReader(64), lines, before, after, end
        )

    asyncio.run(compare())


def test_a_read_that_is_given_up_takes_nothing_along() -> None:
    async def test() -> None:
        reader = PiecewiseReader(64)
        for late in (False, True):
            reading = asyncio.create_task(reader.read())
            await asyncio.sleep(0)
            if late:
                reader.feed_data(b"while it ends")
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            reader.feed_data(b"then")
            assert [await reader.read() for _ in range(1 + late)] == [b"while it ends", b"then"][not late :]
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already waiting"):
            await reader.read()
        reader.feed_data(b"once")
        reader.feed_eof()
        assert (await reading, await reader.read(), reader.at_eof()) == (b"once", b"", True)

    asyncio.run(test())


def test_who_waits_for_much_is_woken_once_it_is_there_or_nothing_more_can_come() -> None:
    async def test() -> None:
        reader = PiecewiseReader(1 << 20)
        for size, pieces, rest in ((5, [b"ab", b"cd", b"ef"], None), (9, [b"ab", b"cd"], b""), (0, [b"ab"], None)):
            reader.awaited = size
            reading = asyncio.create_task(reader.read())
            await asyncio.sleep(0)
            for piece in pieces[:-1]:
                reader.feed_data(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not reading.done()
            reader.feed_data(pieces[-1])
            if rest is not None:
                await asyncio.sleep(0)
                assert not reading.done()
                reader.feed_eof()
            assert [await reading, *[await reader.read() for _ in pieces[1:]]] == pieces
            reader._eof = False  # type: ignore[attr-defined]
        reader = PiecewiseReader(10)
        reader.awaited = 1 << 20
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        reader.feed_data(bytes(21))  # more than may wait here
        assert await reading == bytes(21)

    asyncio.run(test())


SENT = st.lists(st.tuples(st.booleans(), st.booleans(), st.binary(max_size=30)), min_size=1, max_size=6)


@examples(150)
@given(SENT, st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_messages_are_the_same_wherever_they_are_cut(sent: list[tuple[bool, bool, bytes]], cuts: list[int]) -> None:
    """sent: whether each has headers, a reply subject, and its data."""
    expected, text = [], b""
    for headed, answered, data in sent:
        reply, head = b"to.me" if answered else b"", b"NATS/1.0\r\na: b\r\n\r\n" if headed else b""
        expected.append((b"a.b", reply, head or None, data))
        sizes = b"%d %d" % (len(head), len(head) + len(data)) if headed else b"%d" % len(data)
        words = [b"HMSG" if headed else b"MSG", b"a.b", b"7", *([reply] if answered else []), sizes]
        text += b" ".join(words) + b"\r\n" + head + data + b"\r\n"

    async def parse() -> list[tuple[bytes, bytes, bytes | None, bytes]]:
        found: list[tuple[bytes, bytes, bytes | None, bytes]] = []
        connection = NatsConnection()
        connection.sinks[7] = lambda *message: found.append(message)
        at, number = 0, 0
        while at < len(text):
            size = cuts[number % len(cuts)]
            await connection._ps.parse(text[at : at + size])
            at, number = at + size, number + 1
        return found

    assert asyncio.run(parse()) == expected


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[PiecewiseReader, asyncio.Transport, socket.socket]]:
    """A reader that has begun to give pieces, its transport, and the other side."""
    loop = asyncio.get_running_loop()
    reader = PiecewiseReader(LIMIT)
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport, _ = await loop.create_connection(lambda: asyncio.StreamReaderProtocol(reader), *server.getsockname())
        other, _ = server.accept()
    with other:
        other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        other.setblocking(False)
        await loop.sock_sendall(other, b"INFO\r\n")
        assert await reader.readline() == b"INFO\r\n"
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        await loop.sock_sendall(other, b"+OK")
        assert await reading == b"+OK"
        yield reader, transport, other
        transport.abort()


async def held_back(transport: Any, other: socket.socket, piece: bytes) -> int:
    """Send until the other side reads no more; how many bytes that took."""
    sent = 0
    while transport.is_reading():
        with suppress(BlockingIOError):
            sent += other.send(piece)
        await asyncio.sleep(0)
    return sent


@BOTH
@pytest.mark.parametrize("size", [1 << 16, 7])
def test_who_reads_slowly_holds_the_sender_back(loop: Callable[[], asyncio.AbstractEventLoop], size: int) -> None:
    async def test() -> None:
        async with connected() as (reader, transport, other):
            for _ in range(3):
                sent = await held_back(transport, other, bytes(size))
                waiting = sum(map(len, reader._pieces))
                assert waiting <= 2 * LIMIT + (1 << 18)  # the transport's largest piece
                assert len(reader._pieces) <= 2 * LIMIT // 4096 + 1
                got = 0
                while got < sent:
                    got += len(await reader.read())
                assert got == sent and transport.is_reading()
            rest = asyncio.create_task(everything(reader))
            huge = bytes(range(256)) * (1 << 16)
            await asyncio.get_running_loop().sock_sendall(other, huge)
            other.close()
            assert await rest == huge

    run(loop, test())


@BOTH
def test_what_came_is_read_of_a_connection_that_is_closed_while_it_is_held_back(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def test() -> None:
        for close in ("close", "abort"):
            async with connected() as (reader, transport, other):
                await held_back(transport, other, bytes(1 << 16))
                waiting = sum(map(len, reader._pieces))
                getattr(transport, close)()
                assert len(await everything(reader)) >= waiting

    run(loop, test())


@BOTH
def test_a_reset_is_told(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def test() -> None:
        async with connected() as (reader, _, other):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            other.close()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            assert not reader.at_eof()

    run(loop, test())


@BOTH
def test_a_message_that_a_lost_connection_has_cut_is_read_from_the_next_one(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def test() -> None:
        data = bytes(range(256)) * 40_000
        whole = b"MSG a 1 %d\r\n%b\r\n" % (len(data), data)
        cuts = [12, 4, len(whole) - 1, 300_000, len(whole)]

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n')
            subscribed = False
            while line := await reader.readline():
                if line.startswith(b"SUB"):
                    subscribed = True
                elif line == b"PING\r\n":
                    writer.write(b"PONG\r\n")
                if subscribed and cuts:
                    writer.write(whole[: cuts.pop(0)])
                    if not cuts:
                        continue
                    writer.write_eof()
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        found: asyncio.Queue[bytes] = asyncio.Queue()
        connection = NatsConnection()
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await connection.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.01)
        connection.listen("a", lambda subject, reply, headers, data: found.put_nowait(data))
        assert await found.get() == data and found.empty() and not cuts
        await connection.close()
        server.close()

    run(loop, test())
