"""Small writes that come in one turn of the event loop, or while others are being stored, are stored together: one
message, one acknowledgement.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

_FEW = 1.25
"""Writes in a message, on the average, up to which two messages of one kind are on their way at once, so that the disk
need not wait for the next. With more clients that would leave fewer writes to each, and the disk would sync more often.
With so few, the end of a turn is not waited for either.
"""
_WEIGHT = 0.1  # of the newest message in that average
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
    """The writes of one user to one subject in one precision."""

    under_way: int = 0
    leaving: bool = False  # a message goes out at the end of this turn
    waiting: list[bytes] = field(default_factory=list)
    size: int = 0
    stored: asyncio.Future[None] | None = None  # what those that wait wait for


class Gathering:
    """Stores writes, those that are small and come at the same time together. Nobody waits longer for that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[_Key, _Kind] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._gathered = 2.0  # writes in a message, on the average of late

    @staticmethod
    def takes(body: bytes) -> bool:
        """Whether a body (valid line protocol) may go with others."""
        return len(body) <= _SMALL_BYTES and _TIMED.fullmatch(body) is not None

    async def write(self, subject: str, precision: str, body: bytes, user: str = "") -> None:
        """Returns once it is stored, with others of the same user.

        Raises what `store` raised for the message that it went with.
        """
        key = subject, precision, user
        kind = self._kinds.setdefault(key, _Kind())
        leads = not kind.leaving and kind.under_way < (2 if self._gathered < _FEW and not kind.waiting else 1)
        if leads:
            if self._gathered >= _FEW:
                await self._turn(key, kind)
            if not kind.waiting:
                await self._send(key, kind, [body])
                return
        if kind.stored is None:
            kind.stored = asyncio.get_running_loop().create_future()
        kind.waiting.insert(0 if leads else len(kind.waiting), body.rstrip(b"\n"))
        kind.size += len(body)
        stored = kind.stored
        if leads or kind.size > _MOST_BYTES:
            self._next(key, kind)
        # The message is stored for all: one client that hangs up does not stop it.
        await asyncio.shield(stored)

    async def _turn(self, key: _Key, kind: _Kind) -> None:
        """Wait for the end of this turn: what comes until then waits for the message of whoever waits here."""
        kind.leaving = True
        kind.under_way += 1
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._ended(key, kind)
            raise
        finally:
            kind.leaving = False
        kind.under_way -= 1

    async def _send(self, key: _Key, kind: _Kind, bodies: list[bytes]) -> None:
        subject, precision, user = key
        kind.under_way += 1
        self._gathered += _WEIGHT * (len(bodies) - self._gathered)
        try:
            await self._store(subject, bodies[0] if len(bodies) == 1 else b"\n".join(bodies), precision, user=user)
        finally:
            self._ended(key, kind)

    def _ended(self, key: _Key, kind: _Kind) -> None:
        kind.under_way -= 1
        if kind.waiting:
            self._next(key, kind)
        elif not kind.under_way:
            self._kinds.pop(key, None)

    def _next(self, key: _Key, kind: _Kind) -> None:
        """Send those that have gathered."""
        bodies, stored = kind.waiting, kind.stored
        assert stored is not None
        kind.waiting, kind.size, kind.stored = [], 0, None

        async def send() -> None:
            try:
                await self._send(key, kind, bodies)
            except BaseException as error:
                if not stored.done():
                    stored.set_exception(error)
                stored.exception()  # there may be nobody left who asks
                if not isinstance(error, Exception):
                    raise
            else:
                if not stored.done():
                    stored.set_result(None)

        task = asyncio.get_running_loop().create_task(send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
