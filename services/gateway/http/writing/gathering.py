"""Small writes that come in one turn of the event loop, or while others are being stored, are stored together: one
message, one acknowledgement, one sync of the disk.

Clients that wait for their answers mostly write again as soon as they have them. Where that takes them less time than
storing a message does, the next message waits for those whom the last one has answered: from there on they go together.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

_FEW = 1.25
"""Writes in a message, on the average, up to which the end of a turn is not waited for. Two messages of one kind are
then on their way at once, so that the disk need not wait for the next, unless clients are waited for.
"""
_WEIGHT = 0.1  # of what is newest, in averages
_LEAST_PATIENCE, _MOST_PATIENCE = 0.001, 0.005  # seconds that clients are waited for: event loops count in ms
_LONGEST_AWAY = 0.01  # seconds: as what more counts in the average
_MOST_AWAY = 64  # clients of a kind of whom it is known when they were answered
_MOST_KINDS = 1000  # that are remembered
_SMALL_BYTES = 16 << 10
_MOST_BYTES = 256 << 10
# A line that says its time. One that does not gets the time at which its message was received, so it goes alone: two of
# one series in one message would get the same. What spreads a text over lines looks like that too.
_TIMED = re.compile(rb"(?:[^\n]* -?[0-9]+[ \r]*(?:\n|\Z))+")


class Store(Protocol):
    """Stores lines."""

    def __call__(self, subject: str, body: bytes, precision: str, *, user: str) -> Awaitable[None]:
        """user: who has written them, "" for anybody."""


_Key = tuple[str, str, str]  # subject, precision, user


@dataclass(slots=True)
class _Kind:
    """The writes of one user to one subject in one precision. gathered, storing, returning: averages of late."""

    gathered: float = 2.0  # writes in a message
    storing: float = 0.0  # seconds that it takes
    returning: float = _LONGEST_AWAY  # seconds after which a client that was answered writes again
    under_way: int = 0  # messages, and what waits for the end of a turn to be one
    waiting: list[bytes] = field(default_factory=list)
    size: int = 0
    stored: list[asyncio.Future[None]] = field(default_factory=list)  # of each that waits, what it waits for
    answered: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_AWAY))  # when clients were that are away
    away: int = 0  # how many of them the last message has answered
    patience: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        return not self.under_way and not self.waiting

    @property
    def awaits(self) -> bool:
        """Whether it pays to wait for clients that are away."""
        return self.away > 0 and self.returning < self.storing

    @property
    def most(self) -> int:
        """How many messages may be under way."""
        return 2 if self.gathered < _FEW and self.returning >= self.storing else 1

    def may_lead(self) -> bool:
        """Whether a message may go at once that begins with a write which has just come."""
        return self.under_way < (1 if self.waiting else self.most) and not self.awaits

    def back(self, now: float) -> None:
        """A client has written. Which one does not matter: the average is the same."""
        if self.answered:
            took = min(now - self.answered.pop(), _LONGEST_AWAY)
            self.returning += _WEIGHT * (took - self.returning)
        self.away = max(self.away - 1, 0)

    def ended(self, writes: int, begun: float, now: float) -> None:
        """A message of so many writes has been stored, or has not."""
        self.under_way -= 1
        self.storing += _WEIGHT * (now - begun - self.storing)
        self.answered.extend([now] * writes)
        self.away = writes

    def end_patience(self) -> None:
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None


class Gathering:
    """Stores writes, those that are small and come at the same time together."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[_Key, _Kind] = {}
        self._sending: set[asyncio.Task[None]] = set()

    @staticmethod
    def takes(body: bytes) -> bool:
        """Whether a body (valid line protocol) may go with others."""
        return len(body) <= _SMALL_BYTES and _TIMED.fullmatch(body) is not None

    async def write(self, subject: str, precision: str, body: bytes, user: str = "") -> None:
        """Returns once it is stored, with others of the same user.

        Raises what `store` raised for the message that it went with.
        """
        key = subject, precision, user
        kind = self._kind(key)
        kind.back(time.monotonic())
        leads, place = kind.may_lead(), len(kind.waiting)
        if leads and not place:
            if kind.gathered >= _FEW:
                await self._turn(key, kind)
            if not kind.waiting:
                await self._send(key, kind, [body])
                return
        stored = asyncio.get_running_loop().create_future()
        kind.waiting.insert(place, body.rstrip(b"\n"))
        kind.stored.insert(place, stored)
        kind.size += len(body)
        if leads or kind.size > _MOST_BYTES:
            self._next(key, kind)
        elif not kind.under_way:
            self._go_on(key, kind)
        await stored

    def _kind(self, key: _Key) -> _Kind:
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds = {key: kind for key, kind in self._kinds.items() if not kind.idle}
            kind = self._kinds[key] = _Kind()
        return kind

    async def _turn(self, key: _Key, kind: _Kind) -> None:
        """Wait for the end of this turn: what comes until then waits for the message of whoever waits here."""
        kind.under_way += 1
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            kind.under_way -= 1
            self._go_on(key, kind)
            raise
        kind.under_way -= 1

    async def _send(self, key: _Key, kind: _Kind, bodies: list[bytes]) -> None:
        subject, precision, user = key
        kind.under_way += 1
        kind.gathered += _WEIGHT * (len(bodies) - kind.gathered)
        begun = time.monotonic()
        try:
            await self._store(subject, bodies[0] if len(bodies) == 1 else b"\n".join(bodies), precision, user=user)
        finally:
            kind.ended(len(bodies), begun, time.monotonic())
            self._go_on(key, kind)

    def _go_on(self, key: _Key, kind: _Kind) -> None:
        """Send those that have gathered, unless there is something to wait for."""
        if kind.under_way >= kind.most or not kind.waiting:
            return
        if not kind.awaits:
            self._next(key, kind)
        elif kind.patience is None:
            seconds = min(max(kind.storing, _LEAST_PATIENCE), _MOST_PATIENCE)
            kind.patience = asyncio.get_running_loop().call_later(seconds, self._waited, key, kind)

    def _waited(self, key: _Key, kind: _Kind) -> None:
        kind.patience, kind.away = None, 0
        self._go_on(key, kind)

    def _next(self, key: _Key, kind: _Kind) -> None:
        """Send those that have gathered. The message is stored for all: one client that hangs up does not stop it."""
        bodies, stored = kind.waiting, kind.stored
        kind.end_patience()
        kind.waiting, kind.size, kind.stored = [], 0, []

        async def send() -> None:
            try:
                await self._send(key, kind, bodies)
            except BaseException as error:
                for one in stored:
                    if not one.done():
                        one.set_exception(error)
                        one.exception()  # who hangs up just now does not ask for it
                if not isinstance(error, Exception):
                    raise
            else:
                for one in stored:
                    if not one.done():
                        one.set_result(None)

        task = asyncio.get_running_loop().create_task(send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
