"""Publishing into a stream with JetStream's acknowledgement."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from services.bus.errors import (
    ApiError,
    BusTimeout,
    BusUnavailable,
    Full,
    NobodyThere,
    PayloadTooLarge,
    WrongSequence,
)
from services.bus.transport import headers as wire
from services.bus.transport.link import Link

PUBLISH_TIMEOUT = 5.0
MAX_IN_FLIGHT = 2048
MAX_IN_FLIGHT_BYTES = 64 << 20

_WRONG_LAST = frozenset({10071, 10164})
_TOO_LARGE = 10054
_FULL = frozenset({10002, 10023, 10028, 10047, 10077})
_STILL_STORING = 10158  # a message of the same id is being stored, and it is not known yet whether it will be
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class PubAck:
    """JetStream has stored the message. duplicate: it had already, under the same message id."""

    stream: str
    seq: int
    duplicate: bool


class Publisher:
    """Publishes over one connection, with so many messages and bytes on their way at most."""

    def __init__(self, link: Link) -> None:
        self._link, self._plain = link, link.names.plain
        self._gate = _Gate(MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES)

    @property
    def in_flight(self) -> int:
        """Messages that are on their way to an acknowledgement."""
        return self._gate.count

    @property
    def in_flight_bytes(self) -> int:
        """How large they are, headers included."""
        return self._gate.bytes

    async def publish(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str] | None = None,
        msg_id: str | None = None,
        expect_last: int | None = None,
        timeout: float = PUBLISH_TIMEOUT,
    ) -> PubAck:
        """Store one message; returns once JetStream has it. See Bus.publish."""
        link = self._link
        if headers is not None and not self._plain:
            headers = link.names.headers(headers)
        raw = _headers(headers, msg_id, expect_last)
        size = len(data) + len(raw)
        if not link.connected:
            raise BusUnavailable("not connected to NATS")
        if not self._gate.enter_now(size):
            await self._gate.enter(size, timeout)
        try:
            reply = await link.start(subject, data, timeout, raw)
        except NobodyThere as error:
            raise BusUnavailable(f"no stream takes {link.shown(subject)}, or JetStream is not ready") from error
        except BusTimeout as error:
            raise BusUnavailable(f"JetStream did not acknowledge {link.shown(subject)} within {timeout:g} s") from error
        finally:
            self._gate.leave(size)
        ack = _ack(link, subject, reply.data)
        return ack if self._plain else replace(ack, stream=link.names.stream_in(ack.stream) or ack.stream)


def _headers(headers: Mapping[str, str] | None, msg_id: str | None, expect_last: int | None) -> bytes:
    if msg_id is None and expect_last is None:
        return wire.encode(headers)
    every = dict(headers) if headers else {}
    if msg_id is not None:
        every["Nats-Msg-Id"] = msg_id
    if expect_last is not None:
        every["Nats-Expected-Last-Subject-Sequence"] = str(expect_last)
    return wire.encode(every)


def _ack(link: Link, subject: str, data: bytes) -> PubAck:
    try:
        answer = orjson.loads(data)
        failure = answer.get("error")
        if failure is None:
            return PubAck(answer["stream"], answer["seq"], answer.get("duplicate", False))
    except (ValueError, KeyError, AttributeError) as error:
        raise BusUnavailable(f"{link.shown(subject)}: not an acknowledgement: {data[:100]!r}") from error
    subject = link.shown(subject)
    code, err_code, text = failure.get("code", 500), failure.get("err_code", 0), failure.get("description", "unknown")
    if err_code in _WRONG_LAST:
        last = _NUMBER.search(text)
        raise WrongSequence(f"{subject}: {text}", int(last[0]) if last else None)
    if err_code == _TOO_LARGE:
        raise PayloadTooLarge(f"{subject}: {text}")
    if err_code in _FULL:
        raise Full(f"{subject}: JetStream cannot store: {text}")
    if code >= 500 or err_code == _STILL_STORING:
        raise BusUnavailable(f"{subject}: JetStream cannot store: {text}")
    raise ApiError(code, err_code, f"{subject}: {text}")


class _Gate:
    """Lets in at most so many messages and bytes at once, in the order they came.

    One message alone may be over the byte limit: it then goes by itself.
    """

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self.count = 0
        self.bytes = 0
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def enter_now(self, size: int) -> bool:
        if self._queue or not self._fits(size):
            return False
        self._take(size)
        return True

    async def enter(self, size: int, timeout: float) -> None:
        """Wait for room. BusUnavailable where none comes in time."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(turn)
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done():
                self.leave(size)
            else:
                turn.cancel()
                self._admit()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise BusUnavailable(f"too much is on its way to NATS, no room came within {timeout:g} s") from error

    def leave(self, size: int) -> None:
        self.count -= 1
        self.bytes -= size
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            size, turn = self._queue[0]
            if turn.done():
                self._queue.popleft()
            elif self._fits(size):
                self._queue.popleft()
                self._take(size)
                turn.set_result(None)
            else:
                return

    def _fits(self, size: int) -> bool:
        return self.count < self._max_count and (self.bytes + size <= self._max_bytes or self.count == 0)

    def _take(self, size: int) -> None:
        self.count += 1
        self.bytes += size
