"""The connection itself: made once, kept for ever, and JetStream's JSON API over it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from services.bus.errors import ApiError, BusTimeout, BusUnavailable, NobodyThere, NotPermitted, PayloadTooLarge
from services.bus.transport import nats_errors
from services.bus.transport.credentials import Credentials, parsed
from services.bus.transport.names import PLAIN, Names
from services.bus.transport.nats_connection import Denied, NatsConnection, WithoutTls
from services.bus.transport.replies import Reply, Requests
from services.process import log

API_TIMEOUT = 5.0
_RETRY_SECONDS = 0.1
# A server that is gone without a word (its machine has lost its power) is noticed after 3 to 4.5 s.
_PING_SECONDS, _UNANSWERED_PINGS = 1.5, 2
_LOG_EVERY_SECONDS = 10.0
_NOT_TO_BE_TRIED = (ssl.SSLCertVerificationError, WithoutTls)  # again: they do not pass


class Link:
    """A NATS connection that is made once and comes back by itself for ever."""

    def __init__(self, name: str, names: Names = PLAIN) -> None:
        self.name, self.names = name, names
        self._log = log.get("bus").bind(client=name)
        self.client = NatsConnection(names)
        self.requests: Requests
        self.opened: tuple[str, Credentials]
        self.on_lost: list[Callable[[], None]] = []
        self.on_restored: list[Callable[[], None]] = []
        self.closing = False
        self._connected_once = False
        self._refused: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._last_error: Exception | None = None
        self._denied: dict[str, str] = {}  # what is said of it, by subject that cannot be heard
        self._sent: dict[asyncio.Future[NotPermitted], str] = {}  # the subjects of what the server is just taking
        self._logged = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def connected(self) -> bool:
        """Whether the server is there at this moment."""
        return self.client.is_connected and not self.closing

    @property
    def max_payload(self) -> int:
        """The largest message that the server takes, headers included, in bytes."""
        return self.client.max_payload

    async def open(self, url: str, credentials: Credentials, timeout: float) -> None:
        """Connect. BusUnavailable where no server can be reached within `timeout` s, or it refuses the credentials."""
        self.opened = url, credentials
        servers, credentials = parsed(url, credentials)
        if not servers:
            raise BusUnavailable(f"cannot connect to NATS: no server stands in {url!r}")
        options = credentials.options(tls=any(server.startswith("tls://") for server in servers))
        self.client.public_nkey = options.pop("public_nkey", None)
        attempt = asyncio.ensure_future(
            self.client.connect(
                servers=servers,
                name=self.name,
                inbox_prefix=self.names.inbox,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                **options,
                reconnect_time_wait=_RETRY_SECONDS,  # type: ignore[arg-type]  # it only sleeps for it
                max_reconnect_attempts=-1,
                ping_interval=_PING_SECONDS,  # type: ignore[arg-type]  # it only sleeps for it
                max_outstanding_pings=_UNANSWERED_PINGS,
                pending_size=1 << 40,
                allow_reconnect=True,
            )
        )
        ends: list[asyncio.Future[Any]] = [attempt, self._refused]
        await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not attempt.done() or attempt.exception() is not None:
            attempt.cancel()
            self.closing = True
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await attempt
            with contextlib.suppress(Exception):
                await self.client.close()
            reason = self._last_error or (attempt.exception() if not attempt.cancelled() else None)
            if self._refused.done():  # the server then also resets the connection, which says less
                reason = self._refused.result()
            raise BusUnavailable(f"cannot connect to NATS at {', '.join(servers)}: {_in_words(reason)}")
        self._connected_once = True
        self.requests = Requests(self.client)
        self._log.info("connected to NATS", server=self.client.server_name)

    async def close(self) -> None:
        """Send what is still to be sent and end the connection."""
        if self.closing:
            return
        self.closing = True
        if self.client.is_connected:
            with contextlib.suppress(Exception):
                await self.client.flush(2)
        self.requests.fail_all("the connection is closed")
        self._tell(self.on_lost)
        for task in list(self._tasks):
            task.cancel()
        with contextlib.suppress(Exception):
            await self.client.close()
        self._log.info("connection to NATS closed")

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine in the background; an error it ends with is logged."""
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def start(self, subject: str, data: bytes, timeout: float, headers: bytes = b"") -> asyncio.Future[Reply]:
        """Send a request, checked against the server's size limit. Errors as in Requests.start."""
        if len(data) + len(headers) > self.client.max_payload:
            raise PayloadTooLarge(
                f"message of {len(data) + len(headers)} bytes for {self.shown(subject)}: "
                f"the bus takes {self.client.max_payload}"
            )
        return self.requests.start(subject, data, timeout, headers)

    async def api(self, verb: str, body: dict[str, Any] | None = None, timeout: float = API_TIMEOUT) -> dict[str, Any]:
        """One request to JetStream: `$JS.API.<verb>`, with our names in what is asked and answered.

        ApiError where it refuses, NotPermitted where this user may not ask it, or may not hear something that this
        connection listens to; BusUnavailable where it is away.
        """
        self.check_heard()
        if body is not None and not self.names.plain:
            body = self.names.request(verb, body)
        data = b"" if body is None else orjson.dumps(body)
        try:
            reply = await self.start(f"$JS.API.{verb}", data, timeout)
        except NobodyThere as error:
            raise BusUnavailable(f"JetStream is not ready at {self.names.api}") from error
        except BusTimeout as error:
            raise BusUnavailable(f"JetStream did not answer {verb.split('.')[0]} within {timeout:g} s") from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        failure = answer.get("error")
        if failure is not None:
            raise ApiError(failure.get("code", 500), failure.get("err_code", 0), failure.get("description", "unknown"))
        return answer if self.names.plain else self.names.answer(answer)

    def shown(self, subject: str) -> str:
        """What the NATS calls a subject, for texts that people read."""
        return self.names.subject(subject)

    async def taken(self, subject: str, timeout: float) -> None:
        """Wait until the server has taken what has just been sent to a subject. BusUnavailable, NotPermitted."""
        for error in await self.refused((subject,), timeout):
            raise error

    async def refused(self, subjects: Iterable[str], timeout: float) -> list[NotPermitted]:
        """Wait until the server has looked at what has just been sent to these subjects; gives an error for each that
        this user may not publish to. BusUnavailable."""
        waiting: dict[asyncio.Future[NotPermitted], str] = {
            asyncio.get_running_loop().create_future(): self.names.subject(subject) for subject in subjects
        }
        self._sent |= waiting
        try:
            await self.round_trip(timeout)
        finally:
            for one in waiting:
                del self._sent[one]
        return [one.result() for one in waiting if one.done()]

    def check_heard(self) -> None:
        """Raises NotPermitted where this user may not hear something that this connection listens to, as far as the
        server has said so."""
        for denied in self._denied.values():
            raise NotPermitted(denied)

    async def round_trip(self, timeout: float) -> None:
        """Wait until the server has taken all that was sent, and all has come that it had sent by then."""
        # nats-py's ping goes out at once, and would overtake what still waits to be written
        self.client.flush_now()
        try:
            await self.client.flush(max(1, round(timeout)))
        except (nats_errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"the server does not answer: {error}") from error

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.closing:
            self._log.exception("a background task failed", error)

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        if isinstance(error, Denied):
            self._on_denied(error)
            return
        if not self._connected_once:  # `open` says what is wrong
            if (_is_refusal(error) or isinstance(error, _NOT_TO_BE_TRIED)) and not self._refused.done():
                self._refused.set_result(error)
            return
        if self.closing or isinstance(error, nats_errors.UnexpectedEOF):
            return
        now = time.monotonic()
        if now - self._logged >= _LOG_EVERY_SECONDS:
            self._logged = now
            self._log.warn("NATS reports an error", err=_in_words(error))

    def _on_denied(self, denied: Denied) -> None:
        """Fail what was sent to it; what cannot be heard is told, and stops what is asked from now on."""
        error = NotPermitted(f"NATS does not permit this user to {denied.verb} {denied.subject}")
        if denied.verb == "publish to":
            self.requests.fail(denied.subject, error)
            waiting = [one for one, subject in self._sent.items() if subject == denied.subject]
            for refused in waiting:
                if not refused.done():
                    refused.set_result(error)
            if waiting:  # who waits tells of it
                return
        else:
            self._denied[denied.subject] = str(error)
        limited = self._log.limited(f"denied {denied.subject}")
        limited.error("NATS does not permit what is needed", subject=denied.subject, to=denied.verb)

    async def _on_disconnected(self) -> None:
        if self.closing:
            return
        self._log.warn("lost the connection to NATS, reconnecting", server=self.client.server_name)
        self.client.drop_unsent()
        self.requests.fail_all("the connection to NATS was lost")
        self._tell(self.on_lost)

    async def _on_reconnected(self) -> None:
        self._log.warn("connected to NATS again", server=self.client.server_name)
        # the server's settings may be others now
        self._denied.clear()
        self._tell(self.on_restored)

    def _tell(self, callbacks: list[Callable[[], None]]) -> None:
        for callback in list(callbacks):
            try:
                callback()
            except Exception as error:
                self._log.exception("a connection callback failed", error)


def _is_refusal(error: BaseException) -> bool:
    return "authorization violation" in str(error).lower()


def _in_words(error: BaseException | None) -> str:
    """Why the server cannot be reached, for people."""
    if error is None:
        return "no answer"
    if _is_refusal(error):
        return "it does not accept the credentials (Authorization Violation)"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return str(error) or type(error).__name__
