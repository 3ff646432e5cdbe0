"""POST /write: line protocol from HTTP to the stream WRITES. The hot path, so it speaks ASGI itself.

A body goes to the bus as it came (ungzipped); nothing is made of its points here.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from schemas.config import Config
from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, BusUnavailable
from services.bus.subjects import escape, write_subject
from services.engine.lineprotocol.validate import check
from services.gateway.answers import JSON, RETRY_AFTER_SECONDS, RawHeaders, common_headers
from services.gateway.cut import LineTooLong, cut

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

GONE = 499
"""What stands in the access log where nobody was there any more to be answered."""

PRECISIONS = frozenset({"n", "u", "ms", "s", "m", "h"})

_HEADER_ROOM = 2048
_LONG_KEY = 128
_OFF_LOOP_BYTES = 4 << 20
_COMPLAINT_SECONDS = 10.0
_log = logs.get("write")


class Refused(Exception):
    """The write is answered with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Gone(Exception):
    """The client has hung up before it had sent everything."""


class Writes:
    """Takes writes for one bus."""

    def __init__(self, config: Config, bus: Bus) -> None:
        self._bus = bus
        self._max_body = config.http.max_body_size
        self._ack_timeout = config.nats.ack_timeout
        self._default_rp = config.default_retention_policy
        self._trace = config.http.write_tracing
        self._failed = 0
        self._complained = -_COMPLAINT_SECONDS

    async def __call__(self, scope: Any, receive: Receive, send: Send, request_id: str) -> int:
        """Answer one request; gives the status.

        204 only once JetStream has the points. 400 as plain text for what does not parse and for a missing db (in
        this order, as Kapacitor 1.5.7), 413 for a body over the limit, 503 where JetStream does not acknowledge.
        A client that hangs up in the middle has written nothing.
        """
        headers = common_headers(scope["headers"], request_id)
        try:
            await self._write(scope, receive)
        except Gone:
            return GONE
        except Refused as refused:
            if refused.status == 503:
                headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
            await _answer(send, refused.status, headers, f"{refused}\n".encode())
            return refused.status
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send(_END)
        return 204

    async def _write(self, scope: Any, receive: Receive) -> None:
        encoding = key = b""
        for name, value in scope["headers"]:
            if name == b"content-encoding":
                encoding = value
            elif name == b"idempotency-key":
                key = value
        body = await self._body(receive)
        received = time.time_ns()
        if encoding == b"gzip":
            body = await _off_loop(_gunzip, body, self._max_body)
        if self._trace:
            _log.debug("write body received", body=body.decode("utf-8", "replace"))
        db, rp, precision = self._where(scope["query_string"])
        error = await _off_loop(check, body, precision)
        if error is not None:
            raise Refused(400, error)
        if not db:
            raise Refused(400, "database is required")
        if not body or body.isspace():
            return
        try:
            subject = write_subject(db, rp)
        except ValueError as problem:
            raise Refused(400, str(problem)) from problem
        await self._publish(subject, body, {"precision": precision, "received": str(received)}, key.strip())

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise Gone
            chunk: bytes = message["body"]
            more = message.get("more_body", False)
            size += len(chunk)
            if size > self._max_body:
                # The rest is read and dropped: a client that is still sending would not see an answer.
                chunks.clear()
            elif chunk:
                chunks.append(chunk)
        if size > self._max_body:
            raise Refused(413, f"body too large: {size} bytes, at most {self._max_body} are taken")
        if len(chunks) == 1:
            return chunks[0]
        return b"".join(chunks)

    def _where(self, query: bytes) -> tuple[str, str, str]:
        given = _parameters(query)
        precision = given.get("precision", "n")
        return (
            given.get("db", ""),
            given.get("rp", "") or self._default_rp,
            precision if precision in PRECISIONS else "n",
        )

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str], key: bytes) -> None:
        """Store the body, in several messages where it is too big for one.

        With a key each message has an id, so that a repeat of the write fills in what is missing and doubles nothing.
        """
        limit = self._bus.max_payload - _HEADER_ROOM
        name = _message_id(subject, key) if key else None
        try:
            if len(body) <= limit:
                await self._bus.publish(subject, body, headers, name, timeout=self._ack_timeout)
                return
            pieces = await _off_loop(cut, body, limit)
            for number, piece in enumerate(pieces):
                piece_name = f"{name}/{number}" if name else None
                await self._bus.publish(subject, piece, headers, piece_name, timeout=self._ack_timeout)
        except LineTooLong as problem:
            raise Refused(413, str(problem)) from problem
        except BusUnavailable as problem:
            self._complain("write not acknowledged", problem)
            raise Refused(503, f"the write was not acknowledged, try again: {problem}") from problem
        except BusError as problem:
            self._complain("write refused by the bus", problem)
            raise Refused(500, str(problem)) from problem

    def _complain(self, text: str, error: BusError) -> None:
        """Log what goes wrong, not once a write: an outage must not fill the disk with lines about it."""
        self._failed += 1
        now = time.monotonic()
        if now - self._complained >= _COMPLAINT_SECONDS:
            _log.warn(text, err=error, failed=self._failed)
            self._failed, self._complained = 0, now


def _message_id(subject: str, key: bytes) -> str:
    text = escape(key.decode("latin-1")) if len(key) <= _LONG_KEY else hashlib.sha256(key).hexdigest()
    return f"{subject}/{text}"


_parsed: dict[bytes, dict[str, str]] = {}


def _parameters(query: bytes) -> dict[str, str]:
    """The first value of each parameter. Clients repeat themselves, so what was parsed is kept."""
    known = _parsed.get(query)
    if known is None:
        known = {k: v[0] for k, v in parse_qs(query.decode("latin-1"), keep_blank_values=True).items()}
        if len(_parsed) >= 1000:
            _parsed.clear()
        _parsed[query] = known
    return known


def _gunzip(body: bytes, limit: int) -> bytes:
    """The text of a gzip file of one or more members. Errors are worded as the reference's."""
    pieces = []
    size = 0
    rest = body
    while True:
        unzip = zlib.decompressobj(wbits=31)
        try:
            piece = unzip.decompress(rest, limit + 1 - size)
        except zlib.error as error:
            raise Refused(400, _gzip_error(body, str(error))) from error
        size += len(piece)
        if size > limit:
            raise Refused(413, f"body too large: over {limit} bytes when ungzipped")
        pieces.append(piece)
        if not unzip.eof:
            raise Refused(400, "unexpected EOF" if body else "EOF")
        rest = unzip.unused_data
        if not rest:
            return piece if len(pieces) == 1 else b"".join(pieces)


def _gzip_error(body: bytes, text: str) -> str:
    if len(body) < 10 and not body.startswith(b"\x1f\x8b"):
        return "unexpected EOF"
    if "incorrect header check" in text or "unknown compression" in text:
        return "gzip: invalid header"
    return "gzip: invalid checksum" if "incorrect" in text else f"gzip: {text.rpartition(': ')[2]}"


async def _off_loop(work: Callable[[bytes, Any], Any], body: bytes, argument: Any) -> Any:
    """Big bodies are worked on in a thread, so that other requests go on meanwhile."""
    if len(body) < _OFF_LOOP_BYTES:
        return work(body, argument)
    return await asyncio.to_thread(work, body, argument)


_END = {"type": "http.response.body", "body": b"", "more_body": False}


async def _answer(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    headers.append((b"content-type", JSON))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
