"""TCP connections to an input, and the lines that come over them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import SupportsIndex

from services.gateway.http.connections.connection_limit import ConnectionLimit, most_connections
from services.gateway.listeners.datagrams import address_of
from services.process import log as logs
from services.process.listening import listen

LONGEST_LINE = 64 << 10
_CHUNK = 64 << 10
_MOST_CONNECTIONS, _PART_OF_ALL = 1000, 4  # of those that open files leave room for
_BACKLOG = 1024
_HANDSHAKE_SECONDS = 20.0
_LAST_SECONDS = 3.0  # for what has come of connections that are cut off
_PROBE_SECONDS, _PROBES = 15, 9  # as Kapacitor asks whether the other side is still there
_log = logs.get("inputs")

Handle = Callable[["Reader", asyncio.StreamWriter], Awaitable[None]]


class LineTooLong(Exception):
    """What comes has no end of a line."""


class Reader(asyncio.StreamReader):
    """What comes over one connection. waits_since: since when the other side has been waited for, to send more or to
    take what it is sent, None: it is not. is_cut_off: whether it ends where the gateway stopped to take it, which may
    be anywhere."""

    waits_since: float | None = None
    is_cut_off = False

    async def read(self, n: int = -1) -> bytes:
        with self.waiting():
            return await super().read(n)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """The other side is waited for."""
        self.waits_since = time.monotonic()
        try:
            yield
        finally:
            self.waits_since = None

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        if not self.is_cut_off:
            super().feed_data(data)

    def cut_off(self) -> None:
        """Take no more; what has come can still be read."""
        self.is_cut_off = True
        self.feed_eof()


class Connections:
    """Listens and has each connection handled. Where there are too many, those go that have been waited for longest.

    active, handled: how many there are, and were since the beginning.
    """

    def __init__(self, name: str, handle: Handle) -> None:
        """name: the input's, for the log. handle: returns when the connection is to be closed."""
        self._name, self._handle = name, handle
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], _Connection] = {}
        self._limit = ConnectionLimit(min(_MOST_CONNECTIONS, most_connections() // _PART_OF_ALL), name)
        self.handled = 0

    @property
    def active(self) -> int:
        return len(self._open)

    @property
    def counts(self) -> dict[str, int]:
        """In Kapacitor's words."""
        return {"connsActive": self.active, "connsHandled": self.handled}

    async def start(self, address: str, tls: ssl.SSLContext | None = None) -> str:
        """Listen; where, also if port 0 was asked for. Raises OSError where the address cannot be had."""
        try:
            listener = listen(address)
        except OSError as error:
            raise OSError(error.errno, f"{address}: {error.strerror}") from error
        listener.setblocking(False)
        _probe(listener)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: asyncio.StreamReaderProtocol(Reader(loop=loop), self._connected, loop=loop),
            sock=listener,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
        )
        return address_of(listener.getsockname())

    async def stop(self) -> None:
        """Listen no more, have handled what has come, and close what is open."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._open.values():
            connection.reader.cut_off()
        if self._open:
            _, late = await asyncio.wait(list(self._open), timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, Reader)
        if not self._limit.room(self._open.values()):
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = _Connection(reader, writer)
        self.handled += 1
        try:
            await self._handle(reader, writer)
            await drained(reader, writer)
        except OSError as error:
            _log.debug("a connection broke", input=self._name, err=error)
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:
            _log.exception("a connection failed", error, input=self._name)
        finally:
            del self._open[task]
            writer.close()


@dataclass(frozen=True, slots=True)
class _Connection:
    """One, as far as its place counts."""

    reader: Reader
    writer: asyncio.StreamWriter

    @property
    def client(self) -> str:
        return str((self.writer.get_extra_info("peername") or ("",))[0])

    @property
    def waits_since(self) -> float | None:
        return self.reader.waits_since

    def evict(self) -> None:
        self.writer.transport.abort()


def _probe(listener: socket.socket) -> None:
    """Have the system find out of connections, which inherit that, whether the other side is still there: senders
    that went without a word would be waited for until the process ends."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_SECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


async def drained(reader: Reader, writer: asyncio.StreamWriter) -> None:
    """Wait until more may be sent. Who takes nothing of it makes room for others, as who sends nothing does."""
    with reader.waiting():
        await writer.drain()


async def lines(reader: Reader, begun: bytes = b"", unended: bool = False) -> AsyncIterator[bytes]:
    """Each line with its end. begun: what was read already. unended: whether what comes after the last end of a line
    is one too, unless it was cut off; else it is left out.

    Raises LineTooLong.
    """
    rest = begun
    while True:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) > LONGEST_LINE:
            raise LineTooLong(f"a line is longer than {LONGEST_LINE} bytes")
        chunk = await reader.read(_CHUNK)
        if not chunk:
            if rest and unended and not reader.is_cut_off:
                yield rest
            return
        rest += chunk
