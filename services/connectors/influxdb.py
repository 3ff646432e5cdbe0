"""InfluxDB over HTTP: the client of a cluster, and what writes to it outside the data path."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from grammar.golang.times import format_rfc3339
from schemas.config import InfluxDB
from services.columns.places import Place
from services.connectors.influxdb_login import login_of
from services.process.client_tls import client_context

if TYPE_CHECKING:
    # functions import it where they need it: it takes 0.15 s and 10 MB, which only tasks pay that speak HTTP
    import httpx

_TIMEOUT = 30.0  # seconds, where the configuration sets none
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_LAST_TRIES = 30.0  # seconds for which what a task that has ended left is tried
_MOST_BYTES = 32 << 20
_ROWS = 10_000
_GZIP_LEVEL = 1
_AGAIN = (408, 429, 500, 502, 503, 504)

Target = tuple[str, str]
"""A database and a retention policy, "" for the database's default one."""


class InfluxDBError(Exception):
    """The cluster did not do what it was asked. again: whether it may if it is asked once more."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class InfluxDBClient:
    """A cluster of the configuration. For one event loop; connections are made when needed and kept."""

    def __init__(self, cluster: InfluxDB, shared_secret: str = "") -> None:
        """shared_secret: that of [http], with which clusters that say so are logged in to."""
        self._cluster, self._shared_secret = cluster, shared_secret
        self._turn = 0
        self._http: httpx.AsyncClient | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def change(self, cluster: InfluxDB) -> None:
        """Go to another cluster from the next request on. Called in the event loop."""
        if cluster == self._cluster:
            return
        old, last = self._http, (self._cluster.timeout or _TIMEOUT) * len(self._cluster.urls)
        self._cluster, self._http = cluster, None
        if old is not None:
            closing = asyncio.get_running_loop().create_task(_close_later(old, last))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def write(self, target: Target, parameters: Mapping[str, str], body: bytes) -> None:
        """Write line protocol. Raises InfluxDBError."""
        headers = {}
        if self._cluster.compression == "gzip":
            body, headers = gzip.compress(body, _GZIP_LEVEL), {"Content-Encoding": "gzip"}
        await self._ask("POST", "write", {"db": target[0], "rp": target[1], **parameters}, body, headers)

    async def command(self, text: str) -> None:
        """Have InfluxQL done that gives nothing. Raises InfluxDBError."""
        await self.query(text)

    async def query(self, text: str) -> list[dict[str, Any]]:
        """The series that InfluxQL gives, of all statements: name, tags, columns, values. Times are ints, in ns.

        Raises InfluxDBError.
        """
        answer = await self._ask("POST", "query", {"q": text, "epoch": "ns"}, b"")
        return _series_of(answer) if answer else []

    async def series(self, text: str, rows: int = _ROWS) -> AsyncGenerator[tuple[dict[str, Any], bool], None]:
        """What `query` gives, one series after the other, of many rows in parts: with each, whether it is the last.

        rows: of a part at most; no more than one is in memory. Raises InfluxDBError, perhaps behind some series.
        """
        import httpx

        given = {"q": text, "epoch": "ns", "chunked": "true", "chunk_size": str(rows)}
        client = self._client()
        failure = ""
        for url in self._urls("query"):
            begun = False
            try:
                async with client.stream("POST", url, params=given) as response:
                    if response.status_code // 100 != 2:
                        await response.aread()
                        _check(response)
                    async for line in _lines(response):
                        for series in _series_of(line):
                            begun = True
                            yield series, not series.get("partial", False)
                return
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                failure = f"{url}: {str(error) or type(error).__name__}"
                if begun:
                    break
        raise InfluxDBError(failure, again=True)

    async def flux(self, text: str, now: int, org: str = "", org_id: str = "") -> str:
        """What Flux gives, as annotated CSV. now: what it means by that, ns. Raises InfluxDBError."""
        dialect = {"annotations": ["datatype", "default", "group"], "delimiter": ",", "header": True}
        asked = {"type": "flux", "query": text, "now": format_rfc3339(now), "dialect": dialect}
        headers = {"Content-Type": "application/json", "Accept": "application/csv"}
        where = {"org": org, "orgID": org_id}
        response = await self._response("POST", "api/v2/query", where, orjson.dumps(asked), headers)
        _check(response)
        return response.text

    async def ping(self) -> None:
        """Ask whether it is there. Raises InfluxDBError."""
        await self._ask("GET", "ping", {}, b"")

    async def close(self) -> None:
        """Let go of its connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> bytes:
        """What a server says."""
        response = await self._response(method, path, parameters, body, headers)
        _check(response)
        return response.content

    async def _response(
        self, method: str, path: str, parameters: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Ask one server after the other, beginning with the next in turn, until one answers."""
        import httpx

        client = self._client()
        given = {name: value for name, value in parameters.items() if value}
        failure = ""
        for url in self._urls(path):
            try:
                return await client.request(method, url, params=given, content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                failure = f"{url}: {str(error) or type(error).__name__}"
        raise InfluxDBError(failure, again=True)

    def _urls(self, path: str) -> list[str]:
        """Where to ask, the next server in turn first."""
        urls = self._cluster.urls
        self._turn += 1
        return [f"{urls[(self._turn + i) % len(urls)].rstrip('/')}/{path}" for i in range(len(urls))]

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self._http is None:
            c = self._cluster
            secure = any(urlsplit(url).scheme == "https" for url in c.urls)
            self._http = httpx.AsyncClient(
                timeout=c.timeout or _TIMEOUT,
                auth=login_of(c, self._shared_secret),
                headers={"User-Agent": "tickbus"},
                verify=client_context(c.ssl_ca, c.ssl_cert, c.ssl_key, not c.insecure_skip_verify) if secure else False,
            )
        return self._http


@dataclass(frozen=True, slots=True)
class Body:
    """Lines of some points, as one write. last: the places of the last of them, of those that points have caused and of
    those that ticks have; none: not known."""

    target: Target
    lines: bytes
    count: int
    last: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """InfluxQL to be done before what is written behind it."""

    text: str


class InfluxDBWriter:
    """Gathers lines and writes them in order, each target's together; what cannot be written for now is tried again.

    Lives in the event loop that `kick` is called in. Until then it only gathers.
    """

    def __init__(
        self,
        client: InfluxDBClient,
        parameters: Mapping[str, str],
        size: int,
        interval: float,
        written: Callable[[int], None],
        failed: Callable[[str], None],
        done: Callable[[Body], None] = lambda body: None,
    ) -> None:
        """parameters: of every write. size: how many points are written together. interval: seconds that points wait.

        written(points), failed(reason): called in the event loop, for each write and for each that did not work.
        done(body): likewise, once it is written or refused.
        """
        self._client, self._parameters = client, parameters
        self._size, self._interval = max(size, 1), interval
        self._written, self._failed, self._over = written, failed, done
        self._open: dict[Target, list[bytes]] = {}
        self._last: dict[Target, dict[bool, Place]] = {}  # of the points gathered for a target: by points, by ticks
        self._queue: deque[Body | Command] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until: float | None = None
        self._holding = asyncio.Event()

    def add(self, target: Target, lines: Sequence[bytes], places: Callable[[int], Place], *, whole: bool) -> None:
        """Take in some points' lines. places(i): that of a line. whole: they are not to be parted, as of one batch."""
        at = 0
        while at < len(lines):
            open_ = self._open.setdefault(target, [])
            end = len(lines) if whole else min(at + self._size - len(open_), len(lines))
            open_ += lines[at:end]
            last = places(end - 1)
            self._last.setdefault(target, {})[last[0] < 0] = last
            at = end
            if len(open_) >= self._size:
                self._seal(target)

    def command(self, text: str) -> None:
        """Have InfluxQL done before what comes later is written."""
        self._queue.append(Command(text))

    def seal(self) -> None:
        """Wait for no more points to be written with those that came."""
        for target in list(self._open):
            self._seal(target)

    def kick(self) -> None:
        """See to it that what waits is written: what is complete now, the rest when it has waited long enough."""
        if self._holding.is_set():
            return
        if self._queue and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())
        if self._open and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(max(self._interval, 0.0), self._flush)

    async def hold(self) -> None:
        """Begin no other write until `go_on`, and wait for the answer to the one that is under way."""
        self._holding.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    def go_on(self) -> None:
        """Write again what waits."""
        self._holding.clear()
        self.kick()

    def close(self, *, drain: bool) -> None:
        """Write nothing more, or (`drain`) only what is sealed, and that not for ever."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            if drain:
                self._until = asyncio.get_running_loop().time() + _LAST_TRIES
            else:
                self._task.cancel()

    @property
    def outstanding(self) -> int:
        """How many writes and commands are not done yet; what is still gathered for one target is one."""
        return len(self._queue) + len(self._open)

    def state(self) -> dict[str, Any]:
        """What waits, as plain data."""
        bodies = [[*b.target, b.lines, b.count, b.last] for b in self._queue if isinstance(b, Body)]
        open_ = [[*target, list(lines), self._places(target)] for target, lines in self._open.items()]
        return {"sealed": bodies, "open": open_}

    def restore(self, state: Mapping[str, Any], written: Callable[[Target, Place], bool]) -> None:
        """Take up what `state` gave, but for what was written since. written(target, place): whether a point was."""

        def left(target: Target, last: Sequence[Place]) -> bool:
            return not last or not all(written(target, place) for place in last)

        for database, policy, lines, count, *last in state["sealed"]:
            body = Body((database, policy), lines, count, _places(last))
            if left(body.target, body.last):
                self._put(body)
        for database, policy, rows, *last in state["open"]:
            target, places = (database, policy), _places(last)
            if left(target, places):
                self._open[target] = list(rows)
                self._last[target] = {place[0] < 0: place for place in places}

    def _seal(self, target: Target) -> None:
        lines, last = self._open.pop(target), self._places(target)
        self._last.pop(target, None)
        self._put(Body(target, b"\n".join([*lines, b""]), len(lines), last))

    def _places(self, target: Target) -> tuple[Place, ...]:
        return tuple(self._last.get(target, {}).values())

    def _put(self, body: Body) -> None:
        self._queue.append(body)
        self._bytes += len(body.lines)
        at = 0 if self._task is None else 1  # the first is on its way
        while self._bytes > _MOST_BYTES and at + 1 < len(self._queue):
            oldest = self._queue[at]
            if isinstance(oldest, Command):
                at += 1  # without it nothing behind it could be written
                continue
            del self._queue[at]
            self._bytes -= len(oldest.lines)
            self._failed("too much waits to be written, the oldest points are dropped")

    def _flush(self) -> None:
        self._timer = None
        self.seal()
        self.kick()

    def _count(self) -> int:
        return sum(body.count for body in self._queue if isinstance(body, Body))

    async def _write(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while self._queue and not self._holding.is_set():
                first = self._queue[0]
                if await self._done(first):
                    pause = _FIRST_PAUSE
                    self._queue.popleft()
                    if isinstance(first, Body):
                        self._bytes -= len(first.lines)
                        self._over(first)
                elif self._until is not None and asyncio.get_running_loop().time() > self._until:
                    self._failed(f"the task has ended, {self._count()} points that wait are given up")
                    return
                else:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._holding.wait()
                    pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._task = None

    async def _done(self, first: Body | Command) -> bool:
        """Whether one thing is over and done with, for better or for worse."""
        try:
            if isinstance(first, Command):
                await self._client.command(first.text)
            else:
                await self._client.write(first.target, self._parameters, first.lines)
                self._written(first.count)
        except InfluxDBError as error:
            self._failed(str(error))
            return not error.again
        return True


def _places(saved: Sequence[Any]) -> tuple[Place, ...]:
    """Places as they were saved, which states of earlier versions have not."""
    return tuple((a, b, c) for a, b, c in saved[0]) if saved else ()


async def _close_later(http: httpx.AsyncClient, seconds: float) -> None:
    """Let requests end that are under way."""
    await asyncio.sleep(seconds)
    await http.aclose()


def _check(response: httpx.Response) -> None:
    """Raises InfluxDBError where a server refused, in its own words."""
    if response.status_code // 100 == 2:
        return
    try:
        answer = orjson.loads(response.content)
    except ValueError:
        answer = None
    said = (answer.get("error") or answer.get("message")) if isinstance(answer, dict) else None
    reason = (
        said
        if said and isinstance(said, str)
        else f"invalid response: code {response.status_code}: body: {response.text[:1000]}"
    )
    # a retention policy that is not there is a 500, and will not come by asking again
    raise InfluxDBError(reason, response.status_code in _AGAIN and "not found" not in reason)


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """A body's lines that are not empty. (httpx's own also end at other signs, which stand in strings.)"""
    left = bytearray()
    async for data in response.aiter_bytes():
        left += data
        if b"\n" in data:
            *whole, left = left.split(b"\n")
            for line in whole:
                if line.strip():
                    yield bytes(line)
    if left.strip():
        yield bytes(left)


def _series(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The series of all results in an answer. Raises InfluxDBError where one of them failed."""
    results = answer.get("results", ())
    for result in (answer, *results):
        if result.get("error"):
            raise InfluxDBError(result["error"], again=False)
    return [series for result in results for series in result.get("series", ())]


def _series_of(answer: bytes) -> list[dict[str, Any]]:
    """The series in an answer, or in one line of one that comes in lines. Raises InfluxDBError."""
    try:
        return _series(orjson.loads(answer))
    except (ValueError, AttributeError, TypeError) as error:
        excerpt = answer[:1000].decode("utf-8", "replace")
        raise InfluxDBError(f"invalid response: {excerpt}", again=False) from error
