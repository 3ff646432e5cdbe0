"""The connection itself: made once, kept for ever, and JetStream's JSON API over it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from nats import errors as nats_errors

from services import log
from services.bus.client import Client
from services.bus.errors import ApiError, BusTimeout, BusUnavailable, NobodyThere, PayloadTooLarge
from services.bus.requests import Reply, Requests

API_TIMEOUT = 5.0
_RETRY_SECONDS = 0.1
# A server that is gone without a word (its machine has lost its power) is noticed after some 5 s.
_PING_SECONDS, _UNANSWERED_PINGS = 2, 2
_LOG_EVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a connection proves who it is; what is None is not used. A URL may hold user and password as well.

    file: a .creds file with a JWT and an nkey seed.
    """

    user: str | None = None
    password: str | None = None
    token: str | None = None
    file: str | None = None


class Link:
    """A NATS connection that is made once and comes back by itself for ever."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._log = log.get("bus").bind(client=name)
        self.client = Client()
        self.requests: Requests
        self.on_lost: list[Callable[[], None]] = []
        self.on_restored: list[Callable[[], None]] = []
        self.closing = False
        self._connected_once = False
        self._refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_error: Exception | None = None
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
        servers, credentials = _parse(url, credentials)
        attempt = asyncio.ensure_future(
            self.client.connect(
                servers=servers,
                name=self.name,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                user=credentials.user,
                password=credentials.password,
                token=credentials.token,
                user_credentials=credentials.file,
                reconnect_time_wait=_RETRY_SECONDS,  # type: ignore[arg-type]  # it only sleeps for it
                max_reconnect_attempts=-1,
                ping_interval=_PING_SECONDS,
                max_outstanding_pings=_UNANSWERED_PINGS,
                pending_size=1 << 40,
                allow_reconnect=True,
            )
        )
        await asyncio.wait([attempt, self._refused], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not attempt.done() or attempt.exception() is not None:
            attempt.cancel()
            self.closing = True
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await attempt
            with contextlib.suppress(Exception):
                await self.client.close()
            reason = self._last_error or (attempt.exception() if not attempt.cancelled() else None) or "no answer"
            raise BusUnavailable(f"cannot connect to NATS at {', '.join(servers)}: {reason}")
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
                f"message of {len(data) + len(headers)} bytes for {subject}: the bus takes {self.client.max_payload}"
            )
        return self.requests.start(subject, data, timeout, headers)

    async def api(self, verb: str, body: dict[str, Any] | None = None, timeout: float = API_TIMEOUT) -> dict[str, Any]:
        """One request to JetStream: `$JS.API.<verb>`. ApiError where it refuses, BusUnavailable where it is away."""
        data = b"" if body is None else orjson.dumps(body)
        try:
            reply = await self.start(f"$JS.API.{verb}", data, timeout)
        except NobodyThere as error:
            raise BusUnavailable("JetStream is not ready") from error
        except BusTimeout as error:
            raise BusUnavailable(f"JetStream did not answer {verb.split('.')[0]} within {timeout:g} s") from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        failure = answer.get("error")
        if failure is not None:
            raise ApiError(failure.get("code", 500), failure.get("err_code", 0), failure.get("description", "unknown"))
        return answer

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
        refused = "authorization violation" in str(error).lower()
        if refused and not self._connected_once and not self._refused.done():
            self._refused.set_result(None)
        if self.closing or isinstance(error, nats_errors.UnexpectedEOF):
            return
        now = time.monotonic()
        if now - self._logged >= _LOG_EVERY_SECONDS:
            self._logged = now
            self._log.warn("NATS reports an error", err=error)

    async def _on_disconnected(self) -> None:
        if self.closing:
            return
        self._log.warn("lost the connection to NATS, reconnecting", server=self.client.server_name)
        self.client.drop_unsent()
        self.requests.fail_all("the connection to NATS was lost")
        self._tell(self.on_lost)

    async def _on_reconnected(self) -> None:
        self._log.warn("connected to NATS again", server=self.client.server_name)
        self._tell(self.on_restored)

    def _tell(self, callbacks: list[Callable[[], None]]) -> None:
        for callback in list(callbacks):
            try:
                callback()
            except Exception as error:
                self._log.exception("a connection callback failed", error)


def _parse(url: str, credentials: Credentials) -> tuple[list[str], Credentials]:
    """Server URLs without what is secret in them, and the credentials, from the URLs where none were given.

    nats-py would send a percent-encoded password as it stands.
    """
    servers = []
    for part in filter(None, map(str.strip, url.split(","))):
        scheme, slashes, rest = part.rpartition("://")
        secret, _, host = rest.rpartition("@")
        servers.append(f"{scheme}{slashes}{host}")
        if secret and credentials == Credentials():
            user, colon, password = secret.partition(":")
            if colon:
                credentials = Credentials(user=unquote(user), password=unquote(password))
            else:
                credentials = Credentials(token=unquote(user))
    return servers, credentials
