"""Dead letters: messages that were set aside, kept for whoever wants to see why.

Stream DEAD, subject `tickbus.dead.<stream>.<sequence>`: of each message one letter, the last. Its headers say what
became of it, its data is the message's, cut where it is long. Letters are kept in the background and as far as there is
room and time: who sets a message aside never waits, and thousands of them are counted, but not all kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from services.bus.account.ensure import ensure_stream
from services.bus.account.kept import DEAD, dead_shape
from services.bus.errors import ApiError, BusError, BusUnavailable
from services.bus.follow import StoredMessage, stored
from services.bus.publish import Publisher
from services.bus.streams import get_message
from services.bus.subjects import DEAD as SUBJECTS
from services.bus.subjects import escape
from services.bus.transport.link import Link
from services.process import log

_log = log.get("bus")

MAX_DATA = 64 << 10
"""Of longer messages only so much is kept."""

_WAITING = 100
_A_SECOND, _AT_ONCE = 20.0, 200.0
_REASON, _LONGEST_HEADER = 2000, 200
_HEADER = "tickbus-header-"
_ROOM_FOR_HEADERS = 32 << 10
_RETRY_SECONDS, _ATTEMPTS = 1.0, 60

_counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside.

    number: the letter's own. stream, seq, subject: the message's; seq 0 where it never was in a stream. size: of all of
    its data. time_ns: when it was set aside. by: the process that did.
    """

    number: int
    stream: str
    seq: int
    subject: str
    why: str
    by: str
    size: int
    time_ns: int
    headers: dict[str, str]
    data: bytes


def counts() -> dict[str, int]:
    """How many messages this process has set aside, by stream."""
    return dict(_counts)


class DeadLetters:
    """Keeps, shows and drops them. Its stream is made with the first letter."""

    def __init__(self, link: Link, publisher: Publisher) -> None:
        self._link, self._publisher = link, publisher
        self._waiting: deque[tuple[str, bytes, dict[str, str]]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._room, self._since = _AT_ONCE, time.monotonic()
        self._left = 0
        self.replicas = 1  # on how many servers of a cluster they lie

    def keep(
        self,
        stream: str,
        seq: int,
        subject: str,
        data: bytes,
        headers: Mapping[str, str] | None,
        why: str,
    ) -> None:
        """Count a message as set aside, and keep it in the background. seq: 0 where it never was in a stream."""
        _counts[stream] = _counts.get(stream, 0) + 1
        if not self._may() or len(self._waiting) >= _WAITING:
            self._left += 1
            _log.limited("dead").warn("too many messages are set aside to keep them all", not_kept=self._left)
            return
        envelope = {
            "tickbus-subject": quote(subject, safe="./$=-_~"),
            "tickbus-why": quote(why[:_REASON], safe=" ./:,;=-_'()<>[]#"),
            "tickbus-by": quote(self._link.name),
            "tickbus-size": str(len(data)),
        }
        for key, value in (headers or {}).items():
            if len(key) + len(value) <= _LONGEST_HEADER:
                envelope[f"{_HEADER}{quote(key)}"] = quote(value)
        name = str(seq) if seq else hashlib.sha256(subject.encode() + data).hexdigest()[:16]
        self._waiting.append((f"tickbus.dead.{escape(stream or 'none')}.{name}", bytes(data[:MAX_DATA]), envelope))
        if self._sending is None or self._sending.done():
            self._sending = self._link.spawn(self._send())

    async def all(self) -> list[DeadLetter]:
        """What is kept, the oldest first. Raises BusError."""
        try:
            return (
                [_dead_letter(message) for message in await stored(self._link, DEAD, SUBJECTS)]
                if await self._is()
                else []
            )
        except ApiError as error:
            raise BusUnavailable(f"the dead letters cannot be read: {error}") from error

    async def get(self, number: int) -> DeadLetter | None:
        """One of them, None where it is not there (any more). Raises BusError."""
        message = await get_message(self._link, DEAD, number) if await self._is() else None
        return None if message is None else _dead_letter(message)

    async def drop(self, number: int | None = None) -> int:
        """Forget one of them, or all; gives how many. Raises BusError."""
        if not await self._is():
            return 0
        if number is None:
            purged: int = (await self._link.api(f"STREAM.PURGE.{DEAD}", {}))["purged"]
            return purged
        try:
            await self._link.api(f"STREAM.MSG.DELETE.{DEAD}", {"seq": number})
        except ApiError:
            return 0
        return 1

    async def _is(self) -> bool:
        try:
            await self._link.api(f"STREAM.INFO.{DEAD}")
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    def _may(self) -> bool:
        now = time.monotonic()
        self._room = min(_AT_ONCE, self._room + (now - self._since) * _A_SECOND)
        self._since = now
        if self._room < 1:
            return False
        self._room -= 1
        return True

    async def _send(self) -> None:
        attempts, made = 0, False
        while self._waiting:
            subject, data, headers = self._waiting[0]
            try:
                if not made:
                    await ensure_stream(self._link, dead_shape(self.replicas))
                    made = True
                room = max(0, self._link.max_payload - _ROOM_FOR_HEADERS)
                await self._publisher.publish(subject, data[:room], headers)
            except (BusError, ValueError) as error:
                attempts, made = attempts + 1, False
                if isinstance(error, BusUnavailable) and attempts < _ATTEMPTS:
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                _log.warn("a message that was set aside cannot be kept", subject=subject, err=error)
            attempts = 0
            self._waiting.popleft()


def _dead_letter(message: StoredMessage) -> DeadLetter:
    envelope = message.headers or {}
    _, _, stream, name = message.subject.split(".", 3)
    headers = {unquote(k[len(_HEADER) :]): unquote(value) for k, value in envelope.items() if k.startswith(_HEADER)}
    size = envelope.get("tickbus-size", "")
    return DeadLetter(
        number=message.seq,
        stream=stream,
        seq=int(name) if stream != "none" and name.isascii() and name.isdigit() else 0,
        subject=unquote(envelope.get("tickbus-subject", "")),
        why=unquote(envelope.get("tickbus-why", "")),
        by=unquote(envelope.get("tickbus-by", "")),
        size=int(size) if size.isascii() and size.isdigit() else len(message.data),
        time_ns=message.time_ns,
        headers=headers,
        data=message.data,
    )
