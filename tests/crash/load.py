"""A steady load of numbered points, what must come of it, and the sink that what comes of it is posted to."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from services.bus.connection import Bus
from services.bus.events import Event, encode
from tests.crash.processes import Api, Serve, eventually

HOSTS = ("a", "b")
BASE_MS = 1_700_000_000_000
STEP_MS = 100
WINDOW_MS = 2_000
A_BODY = 8
PAUSE = 0.03
RETRY_SECONDS = 40.0

SUMS = """
stream
    |from().measurement('numbers').groupBy('host')
    |window().period(2s).every(2s).align()
    |sum('n').as('sum')
    |httpOut('sums')
    |alert()
        .id('{{ index .Tags "host" }}')
        .message('{{ index .Fields "sum" }}')
        .info(lambda: TRUE)
        .post('SINK/sums')
"""

LEVELS = """
stream
    |from().measurement('numbers').groupBy('host')
    |alert()
        .id('{{ index .Tags "host" }}')
        .message('{{ .Level }} {{ index .Fields "n" }}')
        .warn(lambda: "load" > 50.0)
        .crit(lambda: "load" > 80.0)
        .stateChangesOnly()
        .post('SINK/levels')
"""


def value(n: int) -> float:
    """What point n of a host says."""
    return float((n // 7) * 37 % 100)


def level(n: int) -> str:
    return "CRITICAL" if value(n) > 80 else "WARNING" if value(n) > 50 else "OK"


def transitions(start: int, stop: int, before: str = "OK") -> list[str]:
    """The messages that the points from `start` to `stop` of one host raise in LEVELS, which stood at `before`."""
    out = []
    for n in range(start, stop):
        if level(n) != before:
            before = level(n)
            out.append(f"{before} {n}")
    return out


def level_after(stop: int) -> str:
    """How LEVELS stands after so many points."""
    return level(stop - 1) if stop else "OK"


def sums(count: int) -> list[str]:
    """The sums of the windows that `count` points of one host close in SUMS."""
    per_window = WINDOW_MS // STEP_MS
    return [str(sum(range(i, i + per_window))) for i in range(0, count - per_window, per_window)]


class Load:
    """Writes points 0, 1, 2 … of each host, one body after another, each until it is acknowledged."""

    def __init__(self, api: Api, measurement: str = "numbers", a_body: int = A_BODY) -> None:
        """a_body: points of each host in one write."""
        self._api = api
        self._measurement = measurement
        self._a_body = a_body
        self.written = 0  # points of each host that are acknowledged
        self.refused = 0  # answers 503
        self.no_retry_after = 0
        self.failed = 0  # connections refused or broken
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Writes while the block runs. A write that is under way at its end is finished: it may be stored already."""
        self._ending = False
        self._task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            self._ending = True
            await self._task

    async def more(self, points: int, timeout: float = RETRY_SECONDS) -> None:
        """Wait until so many more points of each host are acknowledged."""
        target = self.written + points

        def there() -> bool:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            return self.written >= target

        await eventually(there, f"{points} more points are written", timeout)

    async def write(self, points: int) -> None:
        """Write some more, and return when they are acknowledged."""
        lines = []
        for n in range(self.written, self.written + points):
            lines += [f"{self._measurement},host={h} n={n}i,load={value(n)} {BASE_MS + n * STEP_MS}" for h in HOSTS]
        await self._write("\n".join(lines))
        self.written += points

    async def _run(self) -> None:
        while not self._ending:
            await self.write(self._a_body)
            await asyncio.sleep(PAUSE)

    async def _write(self, lines: str) -> None:
        key = uuid.uuid4().hex
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer = await self._api.write(lines, key)
            except httpx.HTTPError:
                self.failed += 1
            else:
                if answer.status_code == 204:
                    return
                assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
                self.refused += 1
                self.no_retry_after += "retry-after" not in answer.headers
            assert time.monotonic() < deadline, "a write is not acknowledged at all"
            await asyncio.sleep(0.1)


class Web:
    """An HTTP server that answers 204 once `_take` has taken what was posted."""

    def __init__(self) -> None:
        self.url = ""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()

    async def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        raise NotImplementedError

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while True:
                request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._take(request.split(" ")[1], headers, body)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


class Sink(Web):
    """Keeps what is posted to it: the events' JSON, by path and alert id, in order.

    Paths in `hanging` never get an answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.got: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.hanging: set[str] = set()
        self.hung = 0

    def messages(self, path: str, id: str) -> list[str]:
        return [event["message"] for event in self.got.get((path, id), [])]

    def clear(self) -> None:
        self.got.clear()

    async def count(self, path: str, id: str, count: int, timeout: float = 60.0) -> None:
        """Wait until so many messages have come for an alert."""
        await eventually(lambda: len(self.messages(path, id)) >= count, f"{path} {id}: {count} messages", timeout)

    async def has(self, path: str, id: str, expected: list[str], repeats: int = 0, timeout: float = 60.0) -> None:
        """Wait until exactly these messages have come for an alert, in order, `repeats` of them twice at most."""
        if expected:
            await eventually(
                lambda: expected[-1] in self.messages(path, id)[-1 - repeats :], f"{path} {id}: {expected[-1]}", timeout
            )
        got = self.messages(path, id)
        once = [m for i, m in enumerate(got) if i == 0 or m != got[i - 1]]
        assert once == expected, _difference(once, expected)
        assert len(got) - len(once) <= repeats, f"{path} {id}: {len(got) - len(once)} repeats"

    async def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if path in self.hanging:
            self.hung += 1
            await asyncio.Event().wait()
        event = orjson.loads(body)
        self.got.setdefault((path, event["id"]), []).append(event)


def _difference(got: list[str], expected: list[str]) -> str:
    at = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), min(len(got), len(expected)))
    return f"at {at} of {len(got)}/{len(expected)}: {got[at - 1 : at + 3]}, not {expected[at - 1 : at + 3]}"


async def define_both(api: Api, sink: Sink) -> None:
    """Both tasks, posting to the sink."""
    for id, script in (("sums", SUMS), ("levels", LEVELS)):
        answer = await api.define(id, script.replace("SINK", sink.url))
        assert answer.status_code == 200, answer.text
        assert answer.json()["executing"]


async def check_both(load: Load, sink: Sink, repeats: int = 0) -> None:
    """Everything that must come of the load has come, in order, and nothing else."""
    for host in HOSTS:
        await sink.has("/levels", host, transitions(0, load.written), repeats)
        await sink.has("/sums", host, sums(load.written), repeats)


async def define_quickly(serve: Serve, scripts: Mapping[str, str]) -> None:
    """Put what a gateway would say of many enabled tasks, by id, straight into the log."""
    async with await Bus.connect(serve.state()["nats"], "test") as bus:

        async def say(id: str, what: str, data: dict[str, Any]) -> None:
            event = Event("task", id, what, data, time.time_ns())
            headers, body = encode(event)
            await bus.publish(event.subject, body, headers, timeout=60.0)

        async def define(id: str, script: str) -> None:
            task = {
                "id": id,
                "type": "stream",
                "script": script,
                "dbrps": [{"db": "db", "rp": "rp"}],
                "vars": {},
                "template-id": "",
                "status": "disabled",
                "created": "2026-01-01T00:00:00Z",
            }
            await say(id, "defined", task)
            await say(id, "enabled", {"position": 0})

        await asyncio.gather(*(define(id, script) for id, script in scripts.items()))
