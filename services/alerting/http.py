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
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from services.alerting.handler import Refused, Unsent

_KEPT = 256  # idle connections
_MOST_READ = 64 << 10  # of an answer's body
_BODY_SECONDS = 1.0  # for the rest of an answer whose status is known
_MOST_REDIRECTS = 10
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what a URL may hold besides letters, digits and -._

_BEGINNING = b"HTTP/"  # of whatever answers a request

_PASSING = frozenset({408, 425, 429, 502, 503, 504})  # answers that say: not now


class Answer(NamedTuple):
    """What a server has said: the status, (the beginning of) the body, and how many seconds it asks to wait before it
    is asked again."""

    status: int
    body: bytes
    wait: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether it has taken what it was sent."""
        return 200 <= self.status < 300

    def problem(self, text: str) -> Unsent | Refused:
        """What to raise where it has not, with this text: whether to try again follows from the status."""
        return Unsent(text, self.wait) if self.status in _PASSING else Refused(text)


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is encrypted: whether the server's certificate is checked, and against which authorities.

    ca, cert, key: PEM files; empty: the authorities that the system trusts, no certificate of our own.
    """

    verify: bool = True
    ca: str = ""
    cert: str = ""
    key: str = ""


Place = tuple[str, str, int, Tls]
"""What a connection is good for: scheme, host, port, how it is encrypted."""

_USUAL, _ANY = Tls(), Tls(verify=False)


class Http:
    """Make it once; `close` it at the end. Any number of posts may be under way at once."""

    def __init__(self) -> None:
        self._idle: dict[Place, list[_Connection]] = {}
        self._kept = 0

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, verify: bool = True, tls: Tls | None = None
    ) -> Answer:
        """The answer, redirects followed as the reference does: after 307 and 308 it is a POST again, else a GET. It
        takes as long as it takes.

        tls: says more than `verify`, which does not count beside it.

        Raises Unsent where no answer came, Refused for what is no request.
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
            url = urljoin(url, location)
            if answer.status < 307:
                method, body = "GET", b""
            if urlsplit(url).netloc != target.netloc:
                headers = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "cookie", "host")}
        raise Refused(f"failed to POST alert data: stopped after {_MOST_REDIRECTS} redirects")

    async def close(self) -> None:
        """Close all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        self._kept = 0

    async def _ask(
        self, method: str, target: SplitResult, headers: Mapping[str, str], body: bytes, tls: Tls
    ) -> tuple[Answer, str | None]:
        assert target.hostname is not None
        place = (target.scheme, target.hostname, target.port or (443 if target.scheme == "https" else 80), tls)
        while True:
            connection = self._take(place)
            used = connection is not None
            if connection is None:
                connection = await _connect(place)
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
        idle = self._idle.get(place, [])
        while idle:
            connection = idle.pop()
            self._kept -= 1
            if connection.begin_again():
                return connection
        return None

    def _give_back(self, connection: _Connection, place: Place) -> None:
        if self._kept >= _KEPT or not connection.reusable():
            connection.close()
            return
        self._idle.setdefault(place, []).append(connection)
        self._kept += 1


class _Connection(asyncio.Protocol):
    """A connection to a server, for one request at a time."""

    def __init__(self) -> None:
        import h11

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
    ) -> tuple[Answer, str | None]:
        """The answer, and its Location if any. Once its status has come it is one, however its body ends.

        OSError or EOFError where none comes; Refused where something else does, which shows that what was sent has
        arrived.
        """
        import h11

        assert self._transport is not None
        protocol = self._protocol
        try:
            data = protocol.send(h11.Request(method=method, target=path, headers=headers)) or b""
            data += (protocol.send(h11.Data(data=body)) or b"") + (protocol.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError as error:
            raise Refused(f"failed to create POST request: {error}") from error
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._rest is not None:
                self._rest.cancel()
        return Answer(self._status, bytes(self._read), _seconds(self._retry_after)), self._location or None

    def reusable(self) -> bool:
        """Whether another request may follow."""
        import h11

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
        import h11

        if len(self._begun) < len(_BEGINNING):
            self._begun = (self._begun + data)[: len(_BEGINNING)]
        if self._waiter is None or self._waiter.done():
            self.close()
            return
        if not _BEGINNING.startswith(self._begun):
            self._end(Refused(f"failed to POST alert data: no HTTP answer: {data[:80]!r}"))
            return
        try:
            self._protocol.receive_data(data)
            self._advance()
        except h11.RemoteProtocolError as error:
            self._end(Refused(f"failed to POST alert data: no HTTP answer: {error}"))

    def eof_received(self) -> None:
        import h11

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
        import h11

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


async def _connect(place: Place) -> _Connection:
    scheme, host, port, how = place
    loop = asyncio.get_running_loop()
    tls = _context(how) if scheme == "https" else None
    _, connection = await loop.create_connection(_Connection, host, port, ssl=tls)
    return connection


def _seconds(text: str) -> float:
    """What a header Retry-After asks for, seconds or a date; 0 where it says nothing that can be understood."""
    try:
        wait = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return max(0.0, wait)


@lru_cache(maxsize=64)
def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca or None)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key or None)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=1024)
def _parsed(url: str) -> SplitResult:
    """The parts of a URL. Refused where it is none of http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname.encode("idna") if parts.hostname else b""
    except ValueError as error:
        raise Refused(f"failed to create POST request: {url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Refused(f"failed to create POST request: not a URL of http or https: {url!r}")
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
    every = [pair for pair in usual if pair[0].lower() not in given] + list(headers.items())
    return method, path, [pair for pair in every if pair[0].lower() != "content-length"] + own
