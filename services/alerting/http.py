"""HTTP posts for all handlers, over connections that are kept and used again.

A client of its own on h11, because a post is what every alert waits for: 0.2 ms each, where the usual clients take
several times that.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from services.alerting.handler import Refused, Unsent

if TYPE_CHECKING:
    import h11

_KEPT = 256  # idle connections
_MOST_READ = 64 << 10  # of an answer's body
_MOST_REDIRECTS = 10
_PIECE = 64 << 10
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what a URL may hold besides letters, digits and -._

Place = tuple[str, str, int, bool]
"""What a connection is good for: scheme, host, port, whether certificates are checked."""


@dataclass(eq=False, slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection
    used: bool = False

    @property
    def fresh(self) -> bool:
        """Whether the server has not closed it meanwhile."""
        return not self.reader.at_eof() and not self.writer.is_closing()


class Http:
    """Make it once; `close` it at the end. Any number of posts may be under way at once."""

    def __init__(self) -> None:
        self._idle: dict[Place, list[_Connection]] = {}
        self._kept = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, verify: bool = True) -> tuple[int, bytes]:
        """Status and (the beginning of) the body of the answer, redirects followed. It takes as long as it takes.

        Raises Unsent where no answer came, Refused for what is no request.
        """
        method = "POST"
        for _ in range(_MOST_REDIRECTS):
            target = _parsed(url)
            try:
                status, location, answer = await self._ask(method, target, headers, body, verify)
            except (OSError, EOFError, ssl.SSLError) as error:
                raise Unsent(f"failed to POST alert data: {error or type(error).__name__}") from error
            if location is None or status not in (301, 302, 303, 307, 308):
                return status, answer
            url = urljoin(url, location)
            if status < 307:
                method, body = "GET", b""
            if urlsplit(url).netloc != target.netloc:
                headers = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "cookie", "host")}
        raise Refused(f"failed to POST alert data: stopped after {_MOST_REDIRECTS} redirects")

    async def close(self) -> None:
        """Close all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.close()
        self._idle.clear()
        self._kept = 0

    async def _ask(
        self, method: str, target: SplitResult, headers: Mapping[str, str], body: bytes, verify: bool
    ) -> tuple[int, str | None, bytes]:
        assert target.hostname is not None
        place = (target.scheme, target.hostname, target.port or (443 if target.scheme == "https" else 80), verify)
        while True:
            connection = self._take(place)
            if connection is None:
                connection = await _connect(place)
            try:
                return await self._exchange(connection, place, _head(method, target, headers, len(body)), body)
            except (OSError, EOFError):
                connection.writer.close()
                # one that was kept may have been closed by the server just now: it has not answered
                if not connection.used:
                    raise
            except BaseException:
                connection.writer.close()
                raise

    async def _exchange(
        self, connection: _Connection, place: Place, head: tuple[str, str, list[tuple[str, str]]], body: bytes
    ) -> tuple[int, str | None, bytes]:
        import h11

        protocol, reader, writer = connection.protocol, connection.reader, connection.writer
        method, path, headers = head
        try:
            request = h11.Request(method=method, target=path, headers=headers)
            data = protocol.send(request) or b""
            data += (protocol.send(h11.Data(data=body)) or b"") + (protocol.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError as error:
            raise Refused(f"failed to create POST request: {error}") from error
        writer.write(data)
        status, location, read = 0, None, b""
        try:
            while True:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    protocol.receive_data(await reader.read(_PIECE))
                elif isinstance(event, h11.Response):
                    status = event.status_code
                    location = next((v.decode("latin-1") for k, v in event.headers if k == b"location"), None)
                elif isinstance(event, h11.Data):
                    read += event.data
                    if len(read) > _MOST_READ:
                        writer.close()
                        return status, location, read
                elif isinstance(event, h11.EndOfMessage):
                    break
                elif isinstance(event, h11.ConnectionClosed):
                    raise EOFError("the server closed the connection")
        except h11.RemoteProtocolError as error:
            raise EOFError(f"no HTTP answer: {error}") from error
        self._give_back(connection, place)
        return status, location, read

    def _take(self, place: Place) -> _Connection | None:
        idle = self._idle.get(place, [])
        while idle:
            connection = idle.pop()
            self._kept -= 1
            if connection.fresh:
                connection.used = True
                return connection
            connection.writer.close()
        return None

    def _give_back(self, connection: _Connection, place: Place) -> None:
        import h11

        protocol = connection.protocol
        if self._kept >= _KEPT or protocol.our_state is not h11.DONE or protocol.their_state is not h11.DONE:
            connection.writer.close()
            return
        protocol.start_next_cycle()
        self._idle.setdefault(place, []).append(connection)
        self._kept += 1


async def _connect(place: Place) -> _Connection:
    import h11

    scheme, host, port, verify = place
    reader, writer = await asyncio.open_connection(host, port, ssl=_context(verify) if scheme == "https" else None)
    return _Connection(reader, writer, h11.Connection(h11.CLIENT))


@lru_cache(maxsize=2)
def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
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
