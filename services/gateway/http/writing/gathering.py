"""Small writes that come in one turn of the event loop, or while others are being stored, are stored together: one
message, one acknowledgement, one sync of the disk.

Clients that wait for their answers mostly write again as soon as they have it. So a message whose writes came while the
last one was stored waits for those that were answered then: from there on they go together. Where they do not come,
that is tried no more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

_FEW = 1.25  # writes in a message, on the average, up to which the end of a turn is not waited for
_WEIGHT = 0.1  # of what is newest, in averages
_OFTEN = 0.3
"""How often, at least, clients must write again in time to be waited for. Where that is in vain, others lose the time
that storing a message takes; where not, everybody is spared one."""
_LEAST_PATIENCE, _MOST_PATIENCE = 0.001, 0.005  # seconds; within them as long as storing takes: event loops count in ms
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

    under_way: int = 0  # messages, and what waits for the end of a turn to be one
    waiting: list[bytes] = field(default_factory=list)
    size: int = 0
    stored: asyncio.Future[None] | None = None  # what those that wait wait for
    away: int = 0  # of the clients that were answered last, how many have not written again
    patience: asyncio.TimerHandle | None = None  # with those; none is left where they are all back


class Gathering:
    """Stores writes, those that are small and come at the same time together."""

    def __init__(self, store: Store) -> None:
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._kinds: dict[_Key, _Kind] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._gathered = 2.0  # writes in a message, on the average of late
        self._storing = 0.0  # seconds that storing one takes, likewise
        self._back = 0.0  # how often all that were answered have written again in time, likewise

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
        if kind.away:
            kind.away -= 1
            if not kind.away:
                self._end_patience(kind)
        leads = not kind.under_way and not (kind.away and self._back > _OFTEN)
        place = len(kind.waiting)
        if leads and not kind.waiting:
            if self._gathered >= _FEW:
                await self._turn(key, kind)
            if not kind.waiting:
                await self._send(key, kind, [body])
                return
        if kind.stored is None:
            kind.stored = self._loop.create_future()
        kind.waiting.insert(place, body.rstrip(b"\n"))
        kind.size += len(body)
        stored = kind.stored
        if leads or kind.size > _MOST_BYTES:
            self._next(key, kind)
        # The message is stored for all: one client that hangs up does not stop it.
        await asyncio.shield(stored)

    async def _turn(self, key: _Key, kind: _Kind) -> None:
        """Wait for the end of this turn: what comes until then waits for the message of whoever waits here."""
        kind.under_way += 1
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._ended(key, kind)
            raise
        kind.under_way -= 1

    async def _send(self, key: _Key, kind: _Kind, bodies: list[bytes]) -> None:
        subject, precision, user = key
        kind.under_way += 1
        self._gathered += _WEIGHT * (len(bodies) - self._gathered)
        begun = self._loop.time()
        try:
            await self._store(subject, bodies[0] if len(bodies) == 1 else b"\n".join(bodies), precision, user=user)
        finally:
            self._storing += _WEIGHT * (self._loop.time() - begun - self._storing)
            self._ended(key, kind, len(bodies))

    def _ended(self, key: _Key, kind: _Kind, answered: int = 0) -> None:
        """answered: how many writes are."""
        kind.under_way -= 1
        if kind.patience is not None:
            self._end_patience(kind)
        if answered and answered + len(kind.waiting) > 1:
            kind.away = answered
            patience = min(max(self._storing, _LEAST_PATIENCE), _MOST_PATIENCE)
            kind.patience = self._loop.call_later(patience, self._waited, key, kind)
        if not kind.away or self._back <= _OFTEN:
            self._go_on(key, kind)

    def _waited(self, key: _Key, kind: _Kind) -> None:
        self._end_patience(kind)
        if not kind.under_way:
            self._go_on(key, kind)

    def _end_patience(self, kind: _Kind) -> None:
        """Those who are away are not waited for any longer; there may be none any more."""
        assert kind.patience is not None
        kind.patience.cancel()
        self._back += _WEIGHT * ((0.0 if kind.away else 1.0) - self._back)
        kind.away, kind.patience = 0, None

    def _go_on(self, key: _Key, kind: _Kind) -> None:
        if kind.waiting:
            self._next(key, kind)
        elif not kind.under_way and kind.patience is None:
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

        task = self._loop.create_task(send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
