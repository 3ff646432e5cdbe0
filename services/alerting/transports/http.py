"""HTTP posts for all handlers, over connections that are kept and used again.

A client of its own on h11, because a post is what every alert waits for: 0.2 ms each, where the usual clients take
several times that.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import h11

from services.alerting.errors import Rejected, Unsent
from services.alerting.transports.tls import Tls, context_of
from services.process.permissions import OPEN, Guard, NotPermitted

_KEPT = 256  # idle connections
_MOST_READ = 64 << 10  # of an answer's body
_BODY_SECONDS = 1.0  # for the rest of an answer whose status is known
_MOST_REDIRECTS = 10
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what a URL may hold besides letters, digits and -._

_BEGINNING = b"HTTP/"  # of whatever answers a request

_PASSING = frozenset({408, 425, 429, 502, 503, 504})  # answers that say: not now


class HttpResponse(NamedTuple):
    """What a server has said: the status, (the beginning of) the body, and how many seconds it asks to wait before it
    is asked again."""

    status: int
    body: bytes
    wait: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether it has taken what it was sent."""
        return 200 <= self.status < 300

    def problem(self, text: str) -> Unsent | Rejected:
        """What to raise where it has not, with this text: whether to try again follows from the status."""
        return Unsent(text, self.wait) if self.status in _PASSING else Rejected(text)


Place = tuple[str, str, int, Tls]
"""What a connection is good for: scheme, host, port, how it is encrypted."""

_USUAL, _ANY = Tls(), Tls(verify=False)


class Http:
    """Make it once; `close` it at the end. Any number of posts may be under way at once."""

    def __init__(self, guard: Guard = OPEN) -> None:
        """guard: says which addresses nobody may speak to."""
        self._guard = guard
        self._idle: dict[Place, list[_Connection]] = {}  # places with at least one, those not asked for long first
        self._kept = 0

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, verify: bool = True, tls: Tls | None = None
    ) -> HttpResponse:
        """The answer, redirects followed as the reference does: after 307 and 308 it is a POST again, else a GET. It
        takes as long as it takes.

        tls: says more than `verify`, which does not count beside it.

        Raises Unsent where no answer came, Rejected for what is no request.
        """
        method, tls = "POST", tls or (_USUAL if verify else _ANY)
        for _ in range(_MOST_REDIRECTS):
            target = _parsed(url)
            try:
                answer, location = await self._ask(method, target, headers, body, tls)
            except (OSError, EOFError, ssl.SSLError) as error:
                raise Unsent(
                    f"failed to POST alert data to {_place(target)}: {error or type(error).__name__}"
                ) from error
            if location is None or answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = _led_to(url, location)
            if answer.status < 307:
                method, body = "GET", b""
            if _parsed(url).netloc != target.netloc:
                headers = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "cookie", "host")}
        raise Rejected(f"failed to POST alert data: stopped after {_MOST_REDIRECTS} redirects")

    async def close(self) -> None:
        """Close all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        self._kept = 0

    async def _ask(
        self, method: str, target: SplitResult, headers: Mapping[str, str], body: bytes, tls: Tls
    ) -> tuple[HttpResponse, str | None]:
        assert target.hostname is not None
        place = (target.scheme, target.hostname, target.port or (443 if target.scheme == "https" else 80), tls)
        while True:
            connection = self._take(place)
            used = connection is not None
            if connection is None:
                connection = await _connect(place, self._guard)
            try:
                answer = await connection.ask(*_head(method, target, headers, len(body)), body)
            except (OSError, EOFError):
                # one that was kept may have been closed by the server just now, before it saw the request
                if used and not connection.answered:
                    continue
                raise
            finally:
                self._give_back(connection, place)
            return answer

    def _take(self, place: Place) -> _Connection | None:
        while place in self._idle:
            connection = self._taken(place, -1)
            if connection.begin_again():
                return connection
        return None

    def _give_back(self, connection: _Connection, place: Place) -> None:
        if not connection.reusable():
            connection.close()
            return
        if self._kept >= _KEPT:
            # of a server that nobody may ask any more
            self._taken(next(iter(self._idle)), 0).close()
        self._idle.setdefault(place, []).append(connection)
        self._kept += 1

    def _taken(self, place: Place, which: int) -> _Connection:
        """One of the idle connections to a place, which is no longer kept."""
        idle = self._idle[place]
        connection = idle.pop(which)
        if not idle:
            del self._idle[place]
        self._kept -= 1
        return connection


class _Connection(asyncio.Protocol):
    """A connection to a server, for one request at a time."""

    def __init__(self) -> None:
        self._protocol = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._clean = True  # nothing came but the answers to what was asked
        self._done = False
        self._begun = b""  # what came first of the answer
        self._rest: asyncio.TimerHandle | None = None  # runs once the status is known
        self._status, self._location, self._retry_after, self._read = 0, "", "", bytearray()

    @property
    def answered(self) -> bool:
        """Whether at least a part of the answer has come."""
        return bool(self._begun)

    async def ask(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[HttpResponse, str | None]:
        """The answer, and its Location if any. Once its status has come it is one, however its body ends.

        OSError or EOFError where none comes; Rejected where something else does, which shows that what was sent has
        arrived.
        """
        assert self._transport is not None
        protocol = self._protocol
        try:
            data = protocol.send(h11.Request(method=method, target=path, headers=headers)) or b""
            data += (protocol.send(h11.Data(data=body)) or b"") + (protocol.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError as error:
            raise Rejected(f"failed to create POST request: {error}") from error
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._rest is not None:
                self._rest.cancel()
        return HttpResponse(self._status, bytes(self._read), _seconds(self._retry_after)), self._location or None

    def reusable(self) -> bool:
        """Whether another request may follow."""
        protocol = self._protocol
        return self._done and self._clean and protocol.our_state is h11.DONE and protocol.their_state is h11.DONE

    def begin_again(self) -> bool:
        """Make it ready for another request; False where it is not good any more."""
        if not self._clean:
            return False
        self._protocol.start_next_cycle()
        self._done, self._begun, self._rest = False, b"", None
        self._status, self._location, self._retry_after, self._read = 0, "", "", bytearray()
        return True

    def close(self) -> None:
        """Close it, whatever is under way."""
        self._clean = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if len(self._begun) < len(_BEGINNING):
            self._begun = (self._begun + data)[: len(_BEGINNING)]
        if self._waiter is None or self._waiter.done():
            self.close()
            return
        if not _BEGINNING.startswith(self._begun):
            self._end(Rejected(f"failed to POST alert data: no HTTP answer: {data[:80]!r}"))
            return
        try:
            self._protocol.receive_data(data)
            self._advance()
        except h11.RemoteProtocolError as error:
            self._end(Rejected(f"failed to POST alert data: no HTTP answer: {error}"))

    def eof_received(self) -> None:
        self._clean = False
        try:
            self._protocol.receive_data(b"")
            self._advance()
        except h11.RemoteProtocolError as error:
            self._end(EOFError(f"the server closed the connection: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._clean = False
        self._end(error or EOFError("the server closed the connection"))

    def _advance(self) -> None:
        """Take in what h11 has understood so far."""
        while not self._done:
            event = self._protocol.next_event()
            if isinstance(event, h11.Response):
                self._status = event.status_code
                headers = dict(event.headers)
                self._location = headers.get(b"location", b"").decode("latin-1")
                self._retry_after = headers.get(b"retry-after", b"").decode("latin-1")
                # some servers send a body where there is none: it would be taken for the next answer
                self._clean = self._clean and not (self._status == 204 and headers.get(b"content-length", b"0") != b"0")
                self._rest = asyncio.get_running_loop().call_later(_BODY_SECONDS, self._enough)
            elif isinstance(event, h11.Data):
                self._read += event.data
                if len(self._read) > _MOST_READ:
                    self._clean = False
                    self._end(None)
            elif isinstance(event, h11.EndOfMessage):
                self._clean = self._clean and not self._protocol.trailing_data[0]
                self._end(None)
            elif isinstance(event, h11.ConnectionClosed):
                self._end(EOFError("the server closed the connection"))
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return

    def _enough(self) -> None:
        """Wait no longer for the rest of the answer."""
        self._clean = False
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        self._done = True
        if error is not None:
            self._clean = False
            error = None if self._status else error
        if self._waiter is not None and not self._waiter.done():
            if error is None:
                self._waiter.set_result(None)
            else:
                self._waiter.set_exception(error)


async def _connect(place: Place, guard: Guard) -> _Connection:
    """Raises Rejected where the name leads to an address that nobody may speak to."""
    scheme, host, port, how = place
    loop = asyncio.get_running_loop()
    tls = _context(how) if scheme == "https" else None
    transport, connection = await loop.create_connection(_Connection, host, port, ssl=tls)
    try:
        guard.peer(transport.get_extra_info("peername"))
    except NotPermitted as error:
        connection.close()
        raise Rejected(f"failed to POST alert data to {host}: {error}") from error
    return connection


def _seconds(text: str) -> float:
    """What a header Retry-After asks for, seconds or a date; 0 where it says nothing that can be understood."""
    try:
        wait = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return max(0.0, wait)


_context = lru_cache(maxsize=64)(context_of)


def _led_to(url: str, location: str) -> str:
    """The URL that an answer leads to. Rejected where that is none."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise Rejected(f"failed to POST alert data: led to {location!r}: {error}") from error


@lru_cache(maxsize=1024)
def _parsed(url: str) -> SplitResult:
    """The parts of a URL. Rejected where it is none of http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname.encode("idna") if parts.hostname else b""
    except ValueError as error:
        raise Rejected(f"failed to create POST request: {url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Rejected(f"failed to create POST request: not a URL of http or https: {url!r}")
    return parts


def _place(target: SplitResult) -> str:
    """Where a request goes, for messages: without the path and the query, in which there may be secrets."""
    return f"{target.scheme}://{target.netloc.rpartition('@')[2]}"


def _head(
    method: str, target: SplitResult, headers: Mapping[str, str], size: int
) -> tuple[str, str, list[tuple[str, str]]]:
    path = quote(target.path or "/", safe=_SAFE) + (f"?{quote(target.query, safe=_SAFE)}" if target.query else "")
    given = {name.lower() for name in headers}
    usual = [("Host", target.netloc.rpartition("@")[2]), ("User-Agent", "tickbus"), ("Accept", "*/*")]
    if target.username is not None:
        pair = f"{unquote(target.username)}:{unquote(target.password or '')}"
        usual.append(("Authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
    own = [("Content-Length", str(size))] if method == "POST" else []
    # as Go's client does: "Bearer " with an empty token goes out as "Bearer"
    every = [pair for pair in usual if pair[0].lower() not in given]
    every += [(name, value.strip(" \t")) for name, value in headers.items()]
    return method, path, [pair for pair in every if pair[0].lower() != "content-length"] + own
