"""Several alertings: topics move between them, and what handlers are given is done once, whoever dies or stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import orjson

from services.alerting.delivery.shards import SHARDS
from services.bus.connection import Bus
from services.bus.subjects import request_subject
from tests.crash.processes import Services, eventually
from tests.support.alerts import CRITICAL, OK, Sink, alerts, give, post, send, sink, started

TASKS = 8
PAUSE = 0.03
SECONDS = 60.0  # for what takes moments where the machine has nothing else to do

A, B, C = "alerting-a", "alerting-b", "alerting-c"


class World:
    """Alertings, and tasks whose alerts they handle: each has a topic of its own with a handler, and all have a named
    one, whose handlers put its events into another as they are, and into a third many at a time."""

    def __init__(self, services: Services, bus: Bus, web: Sink) -> None:
        self.services, self._bus, self._web = services, bus, web
        self._runs: list[int] = []
        self.sent = 0  # events of each task
        self._read = 0  # posts
        self._events: dict[str, dict[str, Any]] = {}  # by path and key, in order

    async def define(self) -> None:
        url = self._web.url
        together = {"id": "sum", "interval": 3 * 10**8, "topic": "sums", "message": "{{ .Count }}"}
        await give(self._bus, "named", "p", {"kind": "publish", "options": {"topics": ["other"]}})
        await give(self._bus, "named", "s", {"kind": "aggregate", "options": together})
        for topic in ("other", "sums"):
            await give(self._bus, topic, "h", post(f"{url}/{topic}"))
        for i in range(TASKS):
            self._runs.append(await started(self._bus, f"t{i}", 1, post(f"{url}/t{i}")))

    @contextlib.asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Each task sends an event after another while the block runs."""
        ending = asyncio.Event()

        async def feed() -> None:
            while not ending.is_set():
                seq = self.sent + 1
                for i, run in enumerate(self._runs):
                    event = alerts([(f"n{seq}", CRITICAL if seq % 2 else OK)], seq, task=f"t{i}", details=None)
                    await send(self._bus, event, run)
                named = alerts([(f"n{seq}", OK)], seq, task="t0", node="alert3", details=None)
                await send(self._bus, named, self._runs[0], "named")
                self.sent = seq
                await asyncio.sleep(PAUSE)

        feeding = asyncio.create_task(feed())
        try:
            yield
        finally:
            ending.set()
            await feeding

    async def more(self, events: int = 30) -> None:
        """Wait until so many more events of each task are sent, and the last ones have come."""
        last = self.sent + events
        await eventually(
            lambda: self.sent >= last and all(f"n{last}" in self._ids(f"/t{i}") for i in range(TASKS)),
            f"{events} more events have come",
            SECONDS,
        )

    async def shared_by(self, *names: str, within: float = SECONDS) -> float:
        """Wait until these alertings hold all topics, each of them some; gives how long that took."""
        began = time.monotonic()
        while True:
            told = [one["shards"] for one in await self.stats(len(names))]
            if len(told) == len(names) and all(told) and sum(told) == SHARDS:
                return time.monotonic() - began
            assert time.monotonic() - began < within, f"shards are held by {told}, not by {names}"
            await asyncio.sleep(0.02)

    async def stats(self, expected: int) -> list[dict[str, Any]]:
        answers = await self._bus.request_all(request_subject("alerting", "stats"), b"{}", expected, 0.5)
        return [orjson.loads(answer) for answer in answers]

    async def check(self, repeats: int = 0) -> None:
        """All that was sent was handled, in order, and all in all so many events once more."""
        expected = [f"n{seq}" for seq in range(1, self.sent + 1)]
        for path in (*(f"/t{i}" for i in range(TASKS)), "/other"):
            await eventually(lambda path=path: len(self._ids(path)) >= self.sent, path, SECONDS)  # type: ignore[misc]
            assert self._ids(path) == expected, path
        await eventually(lambda: len(self._collected()) >= self.sent, "/sums", SECONDS)
        assert self._collected() == expected
        keys = [headers["idempotency-key"] for _, headers, _ in self._web.posts]
        assert len(keys) - len(set(keys)) <= repeats

    def _ids(self, path: str) -> list[str]:
        """The ids of what has come on a path, without what came once more."""
        return [event["id"] for event in self._once(path)]

    def _collected(self) -> list[str]:
        """The ids of the events that those on /sums were made of."""
        return [line.partition(" ")[0] for event in self._once("/sums") for line in event["details"].split("\n")]

    def _once(self, path: str) -> Iterable[dict[str, Any]]:
        for at, headers, body in self._web.posts[self._read :]:
            self._events.setdefault(at, {}).setdefault(headers["idempotency-key"], json.loads(body))
        self._read = len(self._web.posts)
        return self._events.get(path, {}).values()


@contextlib.asynccontextmanager
async def world(path: Path, *alertings: str) -> AsyncIterator[World]:
    async with Services(path) as services, sink() as web, await Bus.connect(services.nats.url, "test") as bus:
        await bus.ensure_streams()
        await services.start(*alertings)
        one = World(services, bus, web)
        await one.define()
        await one.shared_by(*alertings)
        yield one


async def test_one_is_killed_and_another_joins(tmp_path: Path) -> None:
    async with world(tmp_path, A, B) as one:
        async with one.load():
            await one.more()
            await one.services[A].kill()
            assert await one.shared_by(B) < 10
            await one.more()
            await one.services.start(A, C)
            await one.shared_by(A, B, C)
            await one.more()
            await one.services[B].kill()
            await one.shared_by(A, C)
            await one.more()
        # one of each handler, and what was made of many
        await one.check(repeats=2 * (TASKS + 2))
        assert sum(told["handled"] for told in await one.stats(2)) > one.sent


async def test_one_that_stood_still_sends_nothing_more(tmp_path: Path) -> None:
    async with world(tmp_path, A, B) as one:
        async with one.load():
            await one.more()
            one.services[A].send(signal.SIGSTOP)
            try:
                assert await one.shared_by(B) < 10
                await one.more()
            finally:
                one.services[A].send(signal.SIGCONT)
            await one.shared_by(A, B)
            await one.more()
        await one.check(repeats=TASKS + 2)
        assert one.services[A].logged("lost leases to another worker")


async def test_one_after_another_is_replaced_in_order(tmp_path: Path) -> None:
    async with world(tmp_path, A, B) as one:
        async with one.load():
            await one.more()
            assert await one.services[A].stop() == 0
            await one.shared_by(B)
            await one.services.start(C)
            await one.shared_by(B, C)
            assert await one.services[B].stop() == 0
            assert await one.shared_by(C) < 10
            await one.more()
        # what the sink did not answer within the time that a stop has
        await one.check(repeats=2 * (TASKS + 2))
