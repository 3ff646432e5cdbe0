"""nats-py's client with a path for bulk data: big reads, a synchronous parser, messages handed over as bytes.

The stock client reads 32 KB at a time and makes a message object, a queue entry and several coroutines per message,
which is too slow for a log of a few hundred MB/s. Connecting, authentication, reconnecting and replaying of
subscriptions are nats-py's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import ParseResult

from nats.aio import transport as nats_transport
from nats.aio.client import Client as NatsClient
from nats.aio.client import Srv
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.protocol.parser import PERMISSIONS_ERR, Parser

from services.bus.transport import nats_errors
from services.bus.transport.names import PLAIN, Names
from services.bus.transport.piecewise_reader import PiecewiseReader
from services.process import log

_log = log.get("bus")

Sink = Callable[[bytes, bytes, bytes | None, bytes], None]
"""Takes one message as (subject, reply subject, raw headers or None, data). It must not block."""

_READ_SIZE = 1 << 20
_BUFFER_LIMIT = 4 << 20
_MAX_LINE = 65536
_JOINED = 64 << 10
_CRLF = b"\r\n"
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"', re.IGNORECASE)
_VERBS = {"publish": "publish to", "subscription": "subscribe to"}


class Denied(nats_errors.Error):
    """The server does not let this user publish or subscribe to a subject."""

    def __init__(self, text: str, verb: str, subject: str) -> None:
        super().__init__(text)
        self.verb, self.subject = verb, subject


class WithoutTls(nats_errors.Error):
    """The server does not speak TLS where it has to."""

    def __str__(self) -> str:
        return "the server does not speak TLS"


class NatsConnection(NatsClient):
    """A NATS connection. Use `send` and `listen` for everything fast; the rest of nats-py's methods still work."""

    def __init__(self, names: Names = PLAIN) -> None:
        super().__init__()
        self.names = names
        self._plain = names.plain
        self._ps = _BulkParser(self)
        self.sinks: dict[int, Sink] = {}
        self._will_flush = False
        self.public_nkey: Callable[[], str] | None = None
        """What gives the user's public key at each connect, where it is told."""

    @property
    def server_name(self) -> str:
        """Host and port of the server, for log lines (never the credentials)."""
        server = self._current_server
        return f"{server.uri.hostname}:{server.uri.port}" if server else "nowhere"

    def _connect_command(self) -> bytes:
        if self.public_nkey is not None:
            self._public_nkey = self.public_nkey()
        return super()._connect_command()

    def listen(self, subject: str, sink: Sink, queue: str = "") -> int:
        """Subscribe; every message goes straight to `sink`. Returns the id for `forget`. Survives reconnects."""
        if not self._plain:
            subject = self.names.stored(subject)
        self._sid += 1
        sid = self._sid
        future = asyncio.get_running_loop().create_future()
        self._subs[sid] = Subscription(self, sid, subject, queue=queue, future=future)
        self.sinks[sid] = sink
        if self.is_connected:
            self._write([f"SUB {subject} {queue} {sid}\r\n".encode()])
        return sid

    def drop_unsent(self) -> None:
        """Throw away what waits to be written. After a loss of the connection nothing of it may go out late: those
        who sent it have been told that it failed. nats-py subscribes anew by itself."""
        self._pending.clear()
        self._pending_data_size = 0

    def leave(self, sid: int) -> None:
        """Have the server send nothing more for a subscription; what is on its way still comes, until `forget`."""
        if self._subs.pop(sid, None) is not None and self.is_connected:
            self._write([f"UNSUB {sid}\r\n".encode()])

    def forget(self, sid: int) -> None:
        """End a subscription."""
        self.sinks.pop(sid, None)
        if self._subs.pop(sid, None) is not None and self.is_connected:
            self._write([f"UNSUB {sid}\r\n".encode()])

    def send(self, subject: str, data: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Put one message on its way; it leaves with the next turn of the event loop.

        Raises nats.errors.ConnectionReconnectingError while not connected: nothing is kept for later.
        """
        if not self.is_connected:
            raise nats_errors.ConnectionReconnectingError
        if not self._plain:
            subject = self.names.subject(subject)
        if headers:
            size = len(headers)
            head = f"HPUB {subject} {reply} {size} {size + len(data)}\r\n".encode()
            self._write([head, headers, data, _CRLF])
        else:
            self._write([f"PUB {subject} {reply} {len(data)}\r\n".encode(), data, _CRLF])

    def _write(self, buffers: list[bytes]) -> None:
        self._pending.extend(buffers)
        self._pending_data_size += sum(map(len, buffers))
        if not self._will_flush:
            self._will_flush = True
            asyncio.get_running_loop().call_soon(self.flush_now)

    def flush_now(self) -> None:
        """Write what has gathered in one turn of the event loop, without waking nats-py's task for that."""
        self._will_flush = False
        pending, size = self._pending, self._pending_data_size
        if not pending or not self.is_connected or self._transport is None:
            return
        self._pending = []
        self._pending_data_size = 0
        # What this raises where the connection is lost, the reading side finds out as well, and acts.
        with contextlib.suppress(OSError, RuntimeError):
            if size <= _JOINED:
                self._transport.write(b"".join(pending))
            else:
                self._transport.writelines(pending)

    def awaits(self, size: int) -> None:
        """Nothing can be made of what comes next before it is so many bytes."""
        if isinstance(self._transport, _BulkTransport):
            self._transport.awaits(size)

    async def _connect_to_server(self, s: Srv) -> None:
        if s.uri.scheme in ("ws", "wss"):
            setattr(nats_transport, "aiohttp", importlib.import_module("aiohttp"))  # noqa: B010 - the stub has it not
        elif not self._transport:
            self._transport = _BulkTransport()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """What the server tells of itself, before it is told who we are."""
        if initial_connection and "tls" in self.options and not info.get("tls_required"):
            raise WithoutTls
        await super()._process_info(info, initial_connection)

    async def _process_err(self, err_msg: str) -> None:
        """An error from the server leads to a reconnect, not to the end: nats-py would close for good."""
        error = nats_errors.Error(f"nats: {err_msg.strip(chr(39))}")
        denied = _DENIED.search(err_msg)
        if denied is not None:
            await self._error_cb(Denied(str(error), _VERBS[denied[1].lower()], denied[2]))
        elif PERMISSIONS_ERR in err_msg.lower():
            await self._error_cb(error)
        else:
            self._err = error
            await self._error_cb(error)
            await self._process_op_err(error)


class _BulkTransport(TcpTransport):
    """TCP with room for megabytes instead of 32 KB, handed on as they come."""

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        loop = asyncio.get_running_loop()
        reader = PiecewiseReader(_BUFFER_LIMIT)
        async with asyncio.timeout(connect_timeout):
            transport, protocol = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader), uri.hostname or "", uri.port or 0
            )
        # what was connected first is kept, as nats-py does, while TLS takes over
        self._bare_io_reader = self._io_reader = reader
        self._bare_io_writer = self._io_writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    async def read(self, buffer_size: int) -> bytes:
        data: bytes = await super().read(_READ_SIZE)
        return data

    def awaits(self, size: int) -> None:
        """Wake nobody who reads before so many bytes have come."""
        if isinstance(self._io_reader, PiecewiseReader):
            self._io_reader.awaited = size

    def __bool__(self) -> bool:
        return True


class _Begun(NamedTuple):
    """A message of which the end has not come: the words of its first line, its headers, and where its data begins."""

    words: list[bytes]
    headers: bytes | None
    data: int


class _BulkParser(Parser):
    """Reads the protocol without a coroutine per message where a sink waits for it.

    It works on what was read as it is. Only what a read leaves unfinished is kept, as the pieces it came in, and
    joined once when enough has come; of a message whose end comes last, its data alone.
    """

    def __init__(self, client: NatsConnection) -> None:
        super().__init__(client)
        self._client = client

    def reset(self) -> None:
        super().reset()
        self._pieces: list[bytes] = []
        self._have = self._need = 0
        self._begun: _Begun | None = None
        self._resets = getattr(self, "_resets", 0) + 1

    async def parse(self, data: bytes = b"") -> None:
        """Take in what was read. Raises nats.errors.ProtocolError for what no NATS server sends."""
        at, resets = 0, self._resets
        if self._pieces:
            self._pieces.append(data)
            self._have += len(data)
            if self._have < self._need:
                self._client.awaits(self._need - self._have)
                return
            pieces, begun = self._pieces, self._begun
            behind = len(data) - (self._have - self._need)
            if begun is not None and behind >= len(_CRLF):
                first, last = memoryview(pieces[0])[begun.data :], memoryview(data)[: behind - len(_CRLF)]
                await self._hand_on(begun.words, begun.headers, b"".join([first, *pieces[1:-1], last]))
                if self._resets != resets:
                    return
                at = behind
            else:
                data = b"".join(pieces)
        end, need, begun = len(data), 0, None
        while at < end:
            eol = data.find(_CRLF, at)
            if eol < 0:
                need = end - at + 1
                if need > _MAX_LINE:
                    raise nats_errors.ProtocolError
                break
            line = data[at:eol]
            if not line.startswith((b"MSG ", b"HMSG ")):
                at = eol + 2
                await self._control(line)
                if self._resets != resets:
                    return
                continue
            words = line.split()
            start = body = eol + 2
            stop = start + int(words[-1])
            headers = None
            if len(words[0]) == 4:
                body = start + int(words[-2])
                headers = data[start:body]
            if stop + 2 > end:
                need = stop + 2 - at
                begun = _Begun(words, headers, body - at) if body <= end else None
                break
            at = stop + 2
            await self._hand_on(words, headers, data[body:stop])
            if self._resets != resets:
                return
        self._pieces = [data[at:]] if at < end else []
        self._have, self._need, self._begun = end - at, need, begun
        self._client.awaits(need - self._have if need else 0)

    async def _hand_on(self, words: list[bytes], headers: bytes | None, data: bytes) -> None:
        """Give a message to who listens."""
        stats: dict[str, Any] = self._client.stats
        stats["in_msgs"] += 1
        stats["in_bytes"] += len(data) + len(headers or b"")
        sid = int(words[2])
        reply = words[3] if len(words) == (5 if headers is None else 6) else b""
        sink = self._client.sinks.get(sid)
        if sink is None:
            await self._client._process_msg(sid, words[1], reply, data, headers or b"")
            return
        try:
            sink(words[1], reply, headers, data)
        except Exception as error:
            # An error here would end nats-py's read loop and leave the connection deaf.
            _log.exception("a message cannot be taken", error, subject=words[1].decode("utf-8", "replace"))

    async def _control(self, line: bytes) -> None:
        client = self._client
        word = line[:4].upper()
        if word == b"PING":
            await client._process_ping()
        elif word == b"PONG":
            await client._process_pong()
        elif word == b"INFO":
            info = json.loads(line[5:])
            client._server_info.update(info)
            client._max_payload = client._server_info.get("max_payload", client._max_payload)
            await client._process_info(info)
        elif word == b"-ERR":
            await client._process_err(line[5:].decode("utf-8", "replace").strip())
        elif not line.startswith(b"+OK"):
            raise nats_errors.ProtocolError
