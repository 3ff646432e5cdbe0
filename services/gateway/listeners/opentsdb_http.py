"""The HTTP of OpenTSDB: one connection, request after request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11

from services.gateway.http.connections.bodies import Bodies, BodyDeadline, Held
from services.gateway.http.gunzip import gunzip
from services.gateway.http.rejection import RequestRejected, too_large
from services.gateway.http.writing.off_loop import off_loop
from services.gateway.listeners.connections import Reader, drained

_CHUNK = 64 << 10
_MOST_HEADERS = 64 << 10
_IDLE_SECONDS = 60.0
_ORIGIN = re.compile(r"\Ahttps?://[^/?]*", re.IGNORECASE)
_PUT, _METADATA = "/api/put", "/api/metadata/put"

Put = Callable[[bytes], Awaitable[None]]
"""Stores the points of a body. Raises RequestRejected."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: str = ""


class HttpConnection:
    """Serves /api/put and /api/metadata/put."""

    def __init__(
        self,
        reader: Reader,
        writer: asyncio.StreamWriter,
        put: Put,
        bodies: Bodies,
        max_body: int,
    ) -> None:
        """max_body: bytes of a body, unzipped."""
        self._reader, self._writer, self._put = reader, writer, put
        self._bodies, self._max_body = bodies, max_body
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEADERS)

    async def serve(self, begun: bytes) -> None:
        """Until it ends. begun: what was read of it."""
        self._http.receive_data(begun)
        try:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    event = await self._next()
                if not isinstance(event, h11.Request):
                    return
                await self._answer(await self._answered(event), of_head=event.method == b"HEAD")
                if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
        except TimeoutError:
            return
        except h11.RemoteProtocolError as error:
            if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await self._answer(_Answer(error.error_status_hint, "Bad Request"))

    async def _answered(self, request: h11.Request) -> _Answer:
        path = _ORIGIN.sub("", request.target.decode("latin-1"), count=1).split("?", 1)[0]
        with self._bodies.hold() as held:
            try:
                body = await self._body(held)
                if path == _METADATA:
                    return _Answer(204)
                if path != _PUT:
                    return _Answer(404, "404 page not found")
                if request.method != b"POST":
                    return _Answer(405, "Method Not Allowed")
                if (b"content-encoding", b"gzip") in request.headers:
                    body = await self._unzipped(body)
                    held.grow(len(body))
                await self._put(body)
            except RequestRejected as rejected:
                return _Answer(rejected.status, str(rejected))
        return _Answer(204)

    async def _unzipped(self, body: bytes) -> bytes:
        try:
            return await off_loop(gunzip, body, self._max_body)
        except RequestRejected as rejected:
            raise RequestRejected(rejected.status, f"could not read gzip, {rejected}") from None

    async def _body(self, held: Held) -> bytes:
        """Raises RequestRejected where it is too large or does not come."""
        deadline = BodyDeadline()
        pieces: list[bytes] = []
        size = 0
        while True:
            async with deadline.wait():
                event = await self._next()
            if not isinstance(event, h11.Data):
                return b"".join(pieces)
            size += len(event.data)
            deadline.received(len(event.data))
            if size > self._max_body:
                raise too_large(size, self._max_body)
            held.grow(size)
            pieces.append(bytes(event.data))

    async def _next(self) -> object:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                self._writer.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            data = await self._reader.read(_CHUNK)
            if self._reader.is_cut_off and not data:
                raise ConnectionAbortedError("the gateway stops")  # what has not come whole is no mistake
            self._http.receive_data(data)

    async def _answer(self, answer: _Answer, of_head: bool = False) -> None:
        """of_head: whether only the head of the answer is to be sent."""
        body = f"{answer.text}\n".encode() if answer.text else b""
        headers = [("content-type", "text/plain; charset=utf-8")] if body else []
        if answer.status != 204:
            headers.append(("content-length", str(len(body))))
        if self._http.their_state is not h11.DONE:
            headers.append(("connection", "close"))  # the rest of its body is not read
        head = self._http.send(h11.Response(status_code=answer.status, headers=headers))
        data = self._http.send(h11.Data(data=body)) if body and not of_head else b""
        end = self._http.send(h11.EndOfMessage())
        self._writer.write((head or b"") + (data or b"") + (end or b""))
        await drained(self._reader, self._writer)
