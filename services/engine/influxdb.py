"""InfluxDB 1.x over HTTP: the client of a cluster, and what writes to it outside the data path."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from schemas.config import InfluxDB

if TYPE_CHECKING:
    import ssl

    import httpx

_TIMEOUT = 30.0  # seconds, where the configuration sets none
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_LAST_TRIES = 30.0  # seconds for which what a task that has ended left is tried
_MOST_BYTES = 32 << 20
_ROWS = 10_000
_AGAIN = (408, 429, 500, 502, 503, 504)

Target = tuple[str, str]
"""A database and a retention policy, "" for the database's default one."""


class InfluxDBError(Exception):
    """The cluster did not do what it was asked. again: whether it may if it is asked once more."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Client:
    """A cluster of the configuration. For one event loop; connections are made when needed and kept."""

    def __init__(self, cluster: InfluxDB) -> None:
        self._cluster = cluster
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
        await self._ask("POST", "write", {"db": target[0], "rp": target[1], **parameters}, body)

    async def command(self, text: str) -> None:
        """Have InfluxQL done that gives nothing. Raises InfluxDBError."""
        await self.query(text)

    async def query(self, text: str) -> list[dict[str, Any]]:
        """The series that InfluxQL gives, of all statements: name, tags, columns, values. Times are ints, in ns.

        Raises InfluxDBError.
        """
        answer = await self._ask("POST", "query", {"q": text, "epoch": "ns"}, b"")
        results = answer.get("results", ())
        for result in (answer, *results):
            if result.get("error"):
                raise InfluxDBError(result["error"], again=False)
        return [series for result in results for series in result.get("series", ())]

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
                        _checked(response)
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

    async def ping(self) -> None:
        """Ask whether it is there. Raises InfluxDBError."""
        await self._ask("GET", "ping", {}, b"")

    async def close(self) -> None:
        """Let go of its connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _ask(self, method: str, path: str, parameters: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Ask one server after the other, beginning with the next in turn, until one answers."""
        import httpx

        client = self._client()
        given = {name: value for name, value in parameters.items() if value}
        failure = ""
        for url in self._urls(path):
            try:
                response = await client.request(method, url, params=given, content=body)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                failure = f"{url}: {str(error) or type(error).__name__}"
                continue
            return _checked(response)
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
                auth=(c.username, c.password) if c.username else None,
                headers={"User-Agent": "tickbus"},
                verify=_tls(c) if secure else False,
            )
        return self._http


@dataclass(frozen=True, slots=True)
class Body:
    """Lines of some points, as one write."""

    target: Target
    lines: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Command:
    """InfluxQL to be done before what is written behind it."""

    text: str


class Writer:
    """Gathers lines and writes them in order, each target's together; what cannot be written for now is tried again.

    Lives in the event loop that `kick` is called in. Until then it only gathers.
    """

    def __init__(
        self,
        client: Client,
        parameters: Mapping[str, str],
        size: int,
        interval: float,
        written: Callable[[int], None],
        failed: Callable[[str], None],
    ) -> None:
        """parameters: of every write. size: how many points are written together. interval: seconds that points wait.

        written(points), failed(reason): called in the event loop, for each write and for each that did not work.
        """
        self._client, self._parameters = client, parameters
        self._size, self._interval = max(size, 1), interval
        self._written, self._failed = written, failed
        self._open: dict[Target, list[bytes]] = {}
        self._queue: deque[Body | Command] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until: float | None = None

    def add(self, target: Target, lines: Sequence[bytes], *, whole: bool) -> None:
        """Take in some points' lines. whole: they are not to be parted, as of one batch."""
        at = 0
        while at < len(lines):
            open_ = self._open.setdefault(target, [])
            end = len(lines) if whole else at + self._size - len(open_)
            open_ += lines[at:end]
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
        if self._queue and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())
        if self._open and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(max(self._interval, 0.0), self._flush)

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
        bodies = [[*b.target, b.lines, b.count] for b in self._queue if isinstance(b, Body)]
        return {"sealed": bodies, "open": [[*target, list(lines)] for target, lines in self._open.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        for database, policy, lines, count in state["sealed"]:
            self._put(Body((database, policy), lines, count))
        for database, policy, rows in state["open"]:
            self._open[database, policy] = list(rows)

    def _seal(self, target: Target) -> None:
        lines = self._open.pop(target)
        self._put(Body(target, b"\n".join([*lines, b""]), len(lines)))

    def _put(self, body: Body) -> None:
        self._queue.append(body)
        self._bytes += len(body.lines)
        oldest = 0 if self._task is None else 1  # the first is on its way
        while self._bytes > _MOST_BYTES and len(self._queue) > oldest + 1:
            dropped = self._queue[oldest]
            del self._queue[oldest]
            if isinstance(dropped, Body):
                self._bytes -= len(dropped.lines)
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
            while self._queue:
                first = self._queue[0]
                if await self._done(first):
                    pause = _FIRST_PAUSE
                    self._queue.popleft()
                    if isinstance(first, Body):
                        self._bytes -= len(first.lines)
                elif self._until is not None and asyncio.get_running_loop().time() > self._until:
                    self._failed(f"the task has ended, {self._count()} points that wait are given up")
                    return
                else:
                    await asyncio.sleep(pause)
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


async def _close_later(http: httpx.AsyncClient, seconds: float) -> None:
    """Let requests end that are under way."""
    await asyncio.sleep(seconds)
    await http.aclose()


def _checked(response: httpx.Response) -> dict[str, Any]:
    """What a server answered. Raises InfluxDBError where it refused, in its own words."""
    try:
        answer = orjson.loads(response.content) if response.content else {}
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    if response.status_code // 100 == 2:
        return answer
    reason = answer.get("error") or f"invalid response: code {response.status_code}: body: {response.text[:1000]}"
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


def _series_of(line: bytes) -> list[dict[str, Any]]:
    """The series in one line of an answer that comes in lines. Raises InfluxDBError."""
    try:
        answer = orjson.loads(line)
        results = answer.get("results", ())
        for result in (answer, *results):
            if result.get("error"):
                raise InfluxDBError(result["error"], again=False)
        return [series for result in results for series in result.get("series", ())]
    except (ValueError, AttributeError, TypeError) as error:
        shown = line[:1000].decode("utf-8", "replace")
        raise InfluxDBError(f"invalid response: {shown}", again=False) from error


def _tls(cluster: InfluxDB) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context(cafile=cluster.ssl_ca or None)
    if cluster.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cluster.ssl_cert:
        context.load_cert_chain(cluster.ssl_cert, cluster.ssl_key)
    return context
