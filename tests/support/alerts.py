"""Alert messages and run events as engine workers send them, and sinks on loopback for what handlers send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from services.alerting.service import Alerting
from services.alertlog import codec
from services.alertlog.alert_messages import alert_messages
from services.alertlog.mark import put_mark
from services.bus.connection import Bus
from services.bus.events import Event, encode
from services.bus.positions import EventsSeq
from services.bus.subjects import alert_subject
from services.columns.column import Column, Kind
from services.columns.output_sequence import EventIds
from services.runtime.effects import Alerts, Inhibition

BASE = 1_700_000_000 * 10**9
SECOND = 10**9
OK, INFO, WARNING, CRITICAL = range(4)

Spec = tuple[str, int]
"""An event: id and level."""


def alerts(
    events: Sequence[Spec],
    seq: int,
    task: str = "t",
    node: str = "alert2",
    details: str | None = "",
    tick: bool = False,
    values: Sequence[float] | None = None,
    host: str = "a",
) -> Alerts:
    """The events of one step, one for each row of the write `seq` (or of the tick `seq`)."""
    n = len(events)
    ids = sorted({id for id, _ in events})
    messages = [f"{id} is {('OK', 'INFO', 'WARNING', 'CRITICAL')[level]}" for id, level in events]
    numbers = np.arange(n, dtype=np.int64)
    return Alerts(
        task=task,
        node=node,
        topics=(),
        ids=ids,
        id_of=np.array([ids.index(id) for id, _ in events], dtype=np.int32),
        messages=messages,
        message_of=numbers.astype(np.int32),
        details=None if details is None else [details] * n,
        level=np.array([level for _, level in events], dtype=np.int8),
        time=BASE + SECOND * seq + numbers,
        duration=SECOND * numbers,
        seq=np.full(n, -seq if tick else seq),
        row=np.zeros(n, dtype=np.int64) if tick else numbers,
        ordinal=numbers if tick else np.zeros(n, dtype=np.int64),
        recoverable=True,
        series=[{"name": "cpu", "tags": {"host": host}, "group": f"host={host}"}],
        series_of=np.zeros(n, dtype=np.int32),
        columns={"v": Column(Kind.FLOAT, np.array(values if values is not None else [1.5] * n, dtype=np.float64))},
        server=("here", "cluster", "server"),
    )


def inhibition(changes: Sequence[tuple[str, bool]], seq: int, task: str = "up", tick: bool = False) -> Inhibition:
    """What alerts of hosts inhibit from one step on: those of the category `usage` that have the same host."""
    numbers = np.arange(len(changes), dtype=np.int64)
    zeros = np.zeros(len(changes), dtype=np.int64)
    return Inhibition(
        task=task,
        node="alert2",
        keys=[host for host, _ in changes],
        categories=["usage"] * len(changes),
        tags=[{"host": host} for host, _ in changes],
        on=[on for _, on in changes],
        event_ids=EventIds(
            seq=np.full(len(changes), -moment(seq) if tick else seq),
            row=zeros if tick else numbers,
            ordinal=numbers if tick else zeros,
            processing_time=np.full(len(changes), moment(seq)),
        ),
    )


def in_category(of: Alerts, category: str = "usage") -> Alerts:
    """The same alerts in a category."""
    moments = [moment(int(seq)) for seq in of.seq]
    return replace(of, category=category, processing_time=np.array(moments, dtype=np.int64))


def moment(seq: int) -> int:
    """When the write of this sequence was stored."""
    return BASE + SECOND * seq


async def tell(bus: Bus, what: Inhibition, started: int, replay: str = "") -> int:
    """Publish it as a worker does; its sequence in ALERTS."""
    ((_, subject, data),) = alert_messages(what, started, replay, 1 << 20)
    return (await bus.publish(subject, data)).seq


def own_topic(task: str = "t", node: str = "alert2") -> str:
    return f"main:{task}:{node}"


async def send(bus: Bus, what: Alerts, started: int, topic: str = "") -> int:
    """Publish a message; its sequence in ALERTS. To the node's own topic, where none is named."""
    topic = topic or own_topic(what.task, what.node)
    return (await bus.publish(alert_subject(topic), codec.encode(codec.of_step(what, topic, EventsSeq(started))))).seq


async def raised(
    bus: Bus, alerting: Alerting, topic: str, *events: tuple[str, int], seq: int = 5, host: str = "a"
) -> None:
    """Send events of a topic, and wait until alerting has them."""
    await send(bus, alerts(list(events), seq, host=host), 0, topic)
    await alerting.log.caught_up()


async def run_event(bus: Bus, task: str, what: str, **data: Any) -> int:
    """Publish run.<what>; its sequence in EVENTS."""
    return await _event(bus, Event("run", task, what, data, BASE))


async def task_deleted(bus: Bus, task: str) -> int:
    """Publish task.deleted."""
    return await _event(bus, Event("task", task, "deleted", {"position": 0}, BASE))


async def started(bus: Bus, task: str, enabled: int, *handlers: dict[str, Any], node: str = "alert2") -> int:
    """A worker says that it runs the task, whose alert node has these handlers."""
    alert = {"node": node, "topic": own_topic(task, node), "handlers": list(handlers)}
    return await run_event(bus, task, "started", enabled=enabled, position=0, worker="w", alerts=[alert])


async def handler_event(bus: Bus, topic: str, id: str, what: str, **data: Any) -> int:
    """Publish handler.<what>; its sequence in EVENTS."""
    position = await bus.last_sequence("ALERTS")
    return await _event(bus, Event("handler", f"{topic}/{id}", what, {"position": position, **data}, time.time_ns()))


async def give(bus: Bus, topic: str, id: str, handler: dict[str, Any], match: str = "", what: str = "defined") -> int:
    """Give a topic a handler as a gateway does, its mark included; the mark's sequence in ALERTS."""
    return await put_mark(bus, topic, await handler_event(bus, topic, id, what, **handler, match=match))


async def take(bus: Bus, topic: str, id: str) -> int:
    """Take it away again; the mark's sequence in ALERTS."""
    return await put_mark(bus, topic, await handler_event(bus, topic, id, "deleted"))


async def replay_event(bus: Bus, id: str, task: str, what: str, **data: Any) -> int:
    """Publish replay.<what>; its sequence in EVENTS."""
    return await _event(bus, Event("replay", id, what, {"task": task, **data}, BASE))


async def replay_started(bus: Bus, id: str, task: str, *handlers: dict[str, Any]) -> int:
    """A recorder says that it runs the replay, whose task has an alert node `alert2` with these handlers."""
    alert = {"node": "alert2", "topic": f"{id}:{task}:alert2", "handlers": list(handlers)}
    return await replay_event(bus, id, task, "started", worker="r", zero=0, alerts=[alert])


def post(url: str, **options: Any) -> dict[str, Any]:
    return {"kind": "post", "options": {"url": url, **options}}


async def _event(bus: Bus, event: Event) -> int:
    headers, data = encode(event)
    return (await bus.publish(event.subject, data, headers)).seq


class Sink:
    """An HTTP server that keeps what is posted to it. `answer(path, how many came before)`: status, or None to hang.

    open: while it is cleared no answer goes out.
    """

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[str, int], int | None] = lambda path, before: 204
        self.body = b""
        self.location = ""
        self.headers: dict[str, str] = {}  # of answers that are no success
        self.late = asyncio.Event()  # what answers wait for that are late
        self.is_late: Callable[[str, int], bool] = lambda path, before: False
        self.connections = 0
        self.open = asyncio.Event()
        self.open.set()
        self._came = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def events(self, path: str = "") -> list[dict[str, Any]]:
        return [json.loads(body) for at, _, body in self.posts if at.startswith(path)]

    def told(self, path: str = "") -> list[tuple[str, str, str]]:
        """Id, level and previous level of each event."""
        return [(e["id"], e["level"], e["previousLevel"]) for e in self.events(path)]

    async def came(self, count: int, path: str = "", timeout: float = 30.0) -> None:
        """Wait until so many posts are there."""
        async with asyncio.timeout(timeout):
            while sum(at.startswith(path) for at, _, _ in self.posts) < count:
                self._came.clear()
                await self._came.wait()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                path = head[0].split(" ")[1]
                before = sum(at == path for at, _, _ in self.posts)
                self.posts.append((path, headers, body))
                self._came.set()
                status = self.answer(path, before)
                if status is None:
                    await asyncio.Event().wait()
                if self.is_late(path, before):
                    await self.late.wait()
                await self.open.wait()
                extra = f"Location: {self.location}\r\n" if self.location and status != 204 else ""
                extra += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items() if status >= 300)
                said = b"" if status == 204 else self.body
                length = "" if status == 204 else f"Content-Length: {len(said)}\r\n"
                writer.write(f"HTTP/1.1 {status} Whatever\r\n{extra}{length}\r\n".encode() + said)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


@contextlib.asynccontextmanager
async def sink() -> AsyncIterator[Sink]:
    """A running Sink."""
    one = Sink()
    await one.start()
    try:
        yield one
    finally:
        await one.stop()
