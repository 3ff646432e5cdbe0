"""nats-py's client with a path for bulk data: big reads, a synchronous parser, messages handed over as bytes.

The stock client reads 32 KB at a time and makes a message object, a queue entry and several coroutines per message,
which is too slow for a log of a few hundred MB/s. Connecting, authentication, reconnecting and replaying of
subscriptions are nats-py's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import ParseResult

from nats import errors as nats_errors
from nats.aio.client import Client as NatsClient
from nats.aio.client import Srv
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.protocol.parser import PERMISSIONS_ERR, Parser

from services import log

_log = log.get("bus")

Sink = Callable[[bytes, bytes, bytes | None, bytes], None]
"""Takes one message as (subject, reply subject, raw headers or None, data). It must not block."""

_READ_SIZE = 1 << 20
_BUFFER_LIMIT = 4 << 20
_MAX_LINE = 65536
_CRLF = b"\r\n"


class Client(NatsClient):
    """A NATS connection. Use `send` and `listen` for everything fast; the rest of nats-py's methods still work."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = _BulkParser(self)
        self.sinks: dict[int, Sink] = {}

    @property
    def server_name(self) -> str:
        """Host and port of the server, for log lines (never the credentials)."""
        server = self._current_server
        return f"{server.uri.hostname}:{server.uri.port}" if server else "nowhere"

    def listen(self, subject: str, sink: Sink, queue: str = "") -> int:
        """Subscribe; every message goes straight to `sink`. Returns the id for `forget`. Survives reconnects."""
        self._sid += 1
        sid = self._sid
        future = asyncio.get_running_loop().create_future()
        self._subs[sid] = Subscription(self, sid, subject, queue=queue, future=future)
        self.sinks[sid] = sink
        if self.is_connected:
            self._write([f"SUB {subject} {queue} {sid}\r\n".encode()])
        return sid

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
        if headers:
            size = len(headers)
            head = f"HPUB {subject} {reply} {size} {size + len(data)}\r\n".encode()
            self._write([head, headers, data, _CRLF])
        else:
            self._write([f"PUB {subject} {reply} {len(data)}\r\n".encode(), data, _CRLF])

    def _write(self, pieces: list[bytes]) -> None:
        self._pending.extend(pieces)
        self._pending_data_size += sum(map(len, pieces))
        queue = self._flush_queue
        if queue is not None and queue.empty():
            queue.put_nowait(asyncio.get_running_loop().create_future())

    async def _connect_to_server(self, s: Srv) -> None:
        if not self._transport and s.uri.scheme not in ("ws", "wss"):
            self._transport = _BulkTransport()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    async def _process_err(self, err_msg: str) -> None:
        """An error from the server leads to a reconnect, not to the end: nats-py would close for good."""
        error = nats_errors.Error(f"nats: {err_msg.strip(chr(39))}")
        if PERMISSIONS_ERR in err_msg:
            await self._error_cb(error)
        else:
            self._err = error
            await self._error_cb(error)
            await self._process_op_err(error)


class _BulkTransport(TcpTransport):
    """TCP with buffers for megabytes instead of 32 KB."""

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        await super().connect(uri, _BUFFER_LIMIT, connect_timeout)

    async def read(self, buffer_size: int) -> bytes:
        data: bytes = await super().read(_READ_SIZE)
        return data

    def __bool__(self) -> bool:
        return True


class _BulkParser(Parser):
    """Reads the protocol without a coroutine per message where a sink waits for it."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._client = client

    def reset(self) -> None:
        super().reset()
        self._head: tuple[bytes, int, bytes, int, int] | None = None

    async def parse(self, data: bytes = b"") -> None:
        """Take in what was read. Raises nats.errors.ProtocolError for what no NATS server sends."""
        buf = self.buf
        buf += data
        at = 0
        end = len(buf)
        sinks = self._client.sinks
        head = self._head
        messages = size = 0
        while True:
            if head is None:
                eol = buf.find(_CRLF, at)
                if eol < 0:
                    if end - at > _MAX_LINE:
                        raise nats_errors.ProtocolError
                    break
                line = bytes(buf[at:eol])
                at = eol + 2
                words = line.split()
                word = words[0].upper() if words else b""
                if word == b"MSG":
                    head = (words[1], int(words[2]), words[3] if len(words) == 5 else b"", 0, int(words[-1]))
                elif word == b"HMSG":
                    reply = words[3] if len(words) == 6 else b""
                    head = (words[1], int(words[2]), reply, int(words[-2]), int(words[-1]))
                else:
                    await self._control(word, line)
                    if self.buf is not buf:
                        return
                    continue
            subject, sid, reply, header_size, total = head
            if end - at < total + 2:
                break
            headers = bytes(buf[at : at + header_size]) if header_size else None
            with memoryview(buf) as view:
                payload = bytes(view[at + header_size : at + total])
            at += total + 2
            head = None
            messages += 1
            size += total
            sink = sinks.get(sid)
            if sink is None:
                self._head = None
                await self._client._process_msg(sid, subject, reply, payload, headers or b"")
                if self.buf is not buf:
                    return
                continue
            try:
                sink(subject, reply, headers, payload)
            except Exception as error:
                # An error here would end nats-py's read loop and leave the connection deaf.
                _log.exception("a message cannot be taken", error, subject=subject.decode("utf-8", "replace"))
        self._head = head
        del buf[:at]
        stats: dict[str, Any] = self._client.stats
        stats["in_msgs"] += messages
        stats["in_bytes"] += size

    async def _control(self, word: bytes, line: bytes) -> None:
        client = self._client
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
            await client._process_err(line[5:].decode("utf-8", "replace").strip().lower())
        elif word != b"+OK":
            raise nats_errors.ProtocolError
