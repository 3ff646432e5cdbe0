"""Questions between services: answer, ask one, ask all.

A reply that is over the server's max_payload is compressed, and if that is not enough cut in parts; the asker puts
it together again. A handler that raises answers with an error, which the asker sees as RequestFailed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import zlib
from collections.abc import Awaitable, Callable, Mapping

from services.bus.errors import BusError, BusTimeout, NobodyThere, PayloadTooLarge, RequestFailed
from services.bus.transport import headers as wire
from services.bus.transport import nats_errors
from services.bus.transport.link import Link
from services.bus.transport.replies import Reply
from services.process import log
from services.process.pools import Pool

_log = log.get("bus")
_threads = Pool("answers", 2, most_waiting=100_000)  # of which each is in memory in any case

Handler = Callable[[bytes, Mapping[str, str]], Awaitable[bytes | None]]
"""Takes a question's data and headers, returns the answer; None leaves the answer to others."""

REQUEST_TIMEOUT = 5.0

_ERROR = "Tickbus-Error"
_PART = "Tickbus-Part"
_ENCODING = "Content-Encoding"
_ROOM_FOR_HEADERS = 1024


class Responder:
    """A subject that is being answered; `stop` ends it."""

    def __init__(self, link: Link, subject: str, handler: Handler, queue: str) -> None:
        self._link = link
        self._handler = handler
        self._subject = subject
        self._under_way: set[asyncio.Task[None]] = set()
        self._sid = link.client.listen(subject, self._asked, queue)

    def stop(self) -> None:
        """Take no more questions; those already taken are still answered."""
        self._link.client.forget(self._sid)

    async def drain(self, timeout: float) -> None:
        """Take no more questions, and answer those that have been taken or are on their way, in so many seconds."""
        self._link.client.leave(self._sid)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                # What was sent here before the server knew comes before its answer.
                with contextlib.suppress(BusError):
                    await self._link.round_trip(timeout)
                if self._under_way:
                    await asyncio.wait(list(self._under_way))
        self.stop()

    def _asked(self, subject: bytes, reply: bytes, headers: bytes | None, data: bytes) -> None:
        task = self._link.spawn(self._answer(reply.decode(), wire.decode(headers) or {}, data))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _answer(self, inbox: str, headers: dict[str, str], data: bytes) -> None:
        try:
            if headers.pop(_ENCODING, None) == "deflate":
                data = zlib.decompress(data)
            answer = await self._handler(data, headers)
        except Exception as error:
            _log.exception("a question's handler failed", error, client=self._link.name, subject=self._subject)
            self._send(inbox, b"", {_ERROR: _one_line(f"{type(error).__name__}: {error}")})
            return
        if answer is None or not inbox:
            return
        limit = self._link.max_payload - _ROOM_FOR_HEADERS
        reply_headers: dict[str, str] = {}
        if len(answer) > limit:
            answer = await _threads.run(zlib.compress, answer, 1)
            reply_headers[_ENCODING] = "deflate"
        if len(answer) <= limit:
            self._send(inbox, answer, reply_headers)
            return
        parts = -(-len(answer) // limit)
        sender = secrets.token_hex(8)
        for part in range(parts):
            part_data = answer[part * limit : (part + 1) * limit]
            self._send(inbox, part_data, reply_headers | {_PART: f"{sender} {part + 1}/{parts}"})
            await asyncio.sleep(0)

    def _send(self, inbox: str, data: bytes, headers: dict[str, str]) -> None:
        if not inbox:
            return
        try:
            self._link.client.send(inbox, data, headers=wire.encode(headers))
        except nats_errors.Error as error:
            _log.warn("an answer cannot be sent", client=self._link.name, subject=self._subject, err=error)


async def request(
    link: Link, subject: str, data: bytes, timeout: float = REQUEST_TIMEOUT, headers: Mapping[str, str] | None = None
) -> bytes:
    """One answer. See Bus.ask."""
    answer = _Answer()
    try:
        await _start(link, subject, data, timeout, headers, answer.take)
    except NobodyThere as error:
        raise NobodyThere(f"nobody answers {link.shown(subject)}") from error
    except BusTimeout as error:
        raise BusTimeout(f"{link.shown(subject)} was not answered within {timeout:g} s") from error
    return answer.result()


async def request_all(
    link: Link,
    subject: str,
    data: bytes,
    expected: int | None = None,
    timeout: float = REQUEST_TIMEOUT,
    headers: Mapping[str, str] | None = None,
) -> list[bytes]:
    """Everyone's answers. See Bus.request_all."""
    answers: dict[str, _Answer] = {}
    done: list[bytes] = []
    failed: list[BusError] = []

    def take(reply: Reply) -> bool:
        decoded = wire.decode(reply.headers) or {}
        sender = decoded.get(_PART, "").rpartition(" ")[0] or str(len(answers))
        answer = answers.setdefault(sender, _Answer())
        if not answer.take(reply):
            try:
                done.append(answer.result())
            except BusError as error:
                _log.warn("one of those asked failed", client=link.name, subject=subject, err=error)
                failed.append(error)
        return expected is None or len(done) + len(failed) < expected

    with contextlib.suppress(NobodyThere, BusTimeout):
        await _start(link, subject, data, timeout, headers, take)
    return done


def _start(
    link: Link,
    subject: str,
    data: bytes,
    timeout: float,
    headers: Mapping[str, str] | None,
    more: Callable[[Reply], bool],
) -> asyncio.Future[Reply]:
    every = dict(headers or {})
    if len(data) > link.max_payload - _ROOM_FOR_HEADERS:
        data = zlib.compress(data, 1)
        every[_ENCODING] = "deflate"
    raw = wire.encode(every)
    if len(data) + len(raw) > link.max_payload:
        raise PayloadTooLarge(f"{link.shown(subject)}: the question is too large for the bus even when compressed")
    return link.requests.start(subject, data, timeout, raw, more)


class _Answer:
    """One answer in the making."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._headers: dict[str, str] = {}

    def take(self, reply: Reply) -> bool:
        """Add a reply; true while parts are missing."""
        self._headers = wire.decode(reply.headers) or {}
        number, _, count = self._headers.get(_PART, "1/1").rpartition(" ")[2].partition("/")
        self._parts[int(number)] = reply.data
        return len(self._parts) < int(count)

    def result(self) -> bytes:
        """The whole answer. RequestFailed where it is an error."""
        failure = self._headers.get(_ERROR)
        if failure is not None:
            raise RequestFailed(failure)
        data = b"".join(self._parts[number] for number in sorted(self._parts))
        return zlib.decompress(data) if self._headers.get(_ENCODING) == "deflate" else data


def _one_line(text: str) -> str:
    return " ".join(text.split())[:4000]
