"""Requests and their replies over one inbox: who waits for which reply, until when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.bus.errors import BusError, BusTimeout, BusUnavailable, NobodyThere
from services.bus.transport import headers as wire
from services.bus.transport import nats_errors
from services.bus.transport.nats_connection import NatsConnection

_SWEEP_SECONDS = 0.05
_NO_RESPONDERS = 503


@dataclass(slots=True)
class Reply:
    """One reply: its raw headers (None where it has none) and its data."""

    headers: bytes | None
    data: bytes


@dataclass(slots=True)
class _Waiter:
    subject: str
    future: asyncio.Future[Reply]
    deadline: float
    more: Callable[[Reply], bool] | None


class Requests:
    """The one inbox of a connection."""

    def __init__(self, client: NatsConnection) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._prefix = client.new_inbox() + "."
        self._skip = len(self._prefix)
        self._waiting: dict[bytes, _Waiter] = {}
        self._last = 0
        self._sweeper: asyncio.TimerHandle | None = None
        client.listen(self._prefix + "*", self._arrived)

    def __len__(self) -> int:
        return len(self._waiting)

    def start(
        self,
        subject: str,
        data: bytes,
        timeout: float,
        headers: bytes = b"",
        more: Callable[[Reply], bool] | None = None,
    ) -> asyncio.Future[Reply]:
        """Send a request; the future has the reply.

        more: takes each reply as it comes and says whether yet another is needed; the future then has the last one.
        The future fails with NobodyThere at once where nobody listens, with BusTimeout after `timeout` seconds, and
        with BusUnavailable when the connection is lost. Raises BusUnavailable while not connected.
        """
        self._last += 1
        token = b"%x" % self._last
        try:
            self._client.send(subject, data, self._prefix + token.decode(), headers)
        except nats_errors.Error as error:
            raise BusUnavailable("not connected to NATS") from error
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[token] = _Waiter(subject, future, self._loop.time() + timeout, more)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        return future

    def fail_all(self, reason: str) -> None:
        """End every request that is on its way, with BusUnavailable."""
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            if not waiter.future.done():
                waiter.future.set_exception(BusUnavailable(reason))

    def fail(self, subject: str, error: BusError) -> None:
        """End the requests that were sent to a subject, as the server calls it."""
        for waiter in self._waiting.values():
            if not waiter.future.done() and self._client.names.subject(waiter.subject) == subject:
                waiter.future.set_exception(error)

    def _arrived(self, subject: bytes, reply: bytes, headers: bytes | None, data: bytes) -> None:
        token = subject[self._skip :]
        waiter = self._waiting.get(token)
        if waiter is None:
            return
        future = waiter.future
        if future.done():
            del self._waiting[token]
            return
        answer = Reply(headers, data)
        if headers is not None and not data and wire.status(headers) == _NO_RESPONDERS:
            del self._waiting[token]
            future.set_exception(NobodyThere("nobody listens on this subject"))
        elif waiter.more is None or not waiter.more(answer):
            del self._waiting[token]
            future.set_result(answer)

    def _sweep(self) -> None:
        """Fail what is overdue. One timer for all requests is far cheaper than one each."""
        now = self._loop.time()
        done = [token for token, waiter in self._waiting.items() if waiter.deadline <= now or waiter.future.done()]
        for token in done:
            future = self._waiting.pop(token).future
            if not future.done():
                future.set_exception(BusTimeout("no answer in time"))
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if self._waiting else None
