"""What the clock sets off, with tickbus away in between: nothing is told of what nobody observed, and nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.load import Sink
from tests.crash.processes import Api, Serve, Services, eventually

INTERVAL = 2.0
HOSTS = [f"h{i}" for i in range(8)]
GONE = "gone"

DEADMAN = """stream|from().measurement('up').groupBy('host')
    |deadman(0.0, 2s).id('{{ index .Tags "host" }}').message('{{ .Level }} {{ .Time }}')STATES.post('SINK/dead')
"""
WINDOWS = """stream|from().measurement('up').groupBy('host')
    |barrier().idle(2s)
    |window().period(2s).every(2s)
    |count('v')
    |alert().id('{{ index .Tags "host" }}').crit(lambda: TRUE).post('SINK/windows')
"""


class Hosts:
    """Hosts that write now and then, whether it is taken or not."""

    def __init__(self, api: Api, hosts: list[str]) -> None:
        self._api, self._hosts = api, hosts

    @contextlib.asynccontextmanager
    async def writing(self, every: float = 0.5) -> AsyncIterator[None]:
        async def write() -> None:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    await self.once()
                await asyncio.sleep(every)

        task = asyncio.create_task(write())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def once(self) -> httpx.Response:
        now = time.time_ns() // 1_000_000
        return await self._api.write("\n".join(f"up,host={host} v=1 {now}" for host in self._hosts))


def events(sink: Sink, host: str, path: str = "/dead") -> list[dict[str, Any]]:
    return sink.got.get((path, host), [])


def levels(sink: Sink, host: str) -> list[str]:
    return [event["level"] for event in events(sink, host)]


def times(sink: Sink) -> list[float]:
    return [datetime.fromisoformat(event["time"]).timestamp() for of in sink.got.values() for event in of]


async def critical(sink: Sink, host: str, after: float = 0.0) -> None:
    """Wait until a host is told to be dead, at a time after another."""

    def told() -> bool:
        found = [e for e in events(sink, host) if e["level"] == "CRITICAL"]
        return any(datetime.fromisoformat(e["time"]).timestamp() > after for e in found)

    await eventually(told, f"{host} is dead")


async def emitted(api: Api, least: int) -> int:
    """Wait until the deadman's stats node has given so many points; gives how many they are."""
    deadline = time.monotonic() + 60.0
    while (found := (await api.stats("dead", "stats2")).get("emitted", 0)) < least:
        assert time.monotonic() < deadline, f"{found} points, not {least}"
        await asyncio.sleep(0.1)
    return int(found)


async def define(api: Api, id: str, script: str, sink: Sink, states: str = "") -> None:
    answer = await api.define(id, script.replace("SINK", sink.url).replace("STATES", states))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_hosts_are_not_dead_since_nobody_looked(tmp_path: Path, way: str) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define(api, "dead", DEADMAN, sink)
        assert (await Hosts(api, [*HOSTS, GONE]).once()).status_code == 204
        async with Hosts(api, HOSTS).writing():
            await critical(sink, GONE)
            if way == "kill":
                await serve.kill()
            else:
                await serve.stop()
            down = time.time()
            await asyncio.sleep(2.5 * INTERVAL)
            up = time.time()
            await serve.start()
            await critical(sink, GONE, after=up)
        for host in HOSTS:
            assert "CRITICAL" not in levels(sink, host), levels(sink, host)
        assert not [t for t in times(sink) if down + 0.5 < t < up]


async def test_a_host_that_fell_silent_meanwhile_is_told_of_once_an_interval_was_observed(tmp_path: Path) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define(api, "dead", DEADMAN, sink, ".stateChangesOnly()")
        async with Hosts(api, ["a", "b"]).writing():
            await api.until_stats("dead", "from1", collected=8)
            await serve.stop()
        up = time.time()
        await asyncio.sleep(2 * INTERVAL)
        await serve.start()
        async with Hosts(api, ["a"]).writing():
            await critical(sink, "b", after=up + 2 * INTERVAL)
        assert levels(sink, "b") == ["CRITICAL"]
        assert levels(sink, "a") == []


async def test_while_only_the_worker_is_away_hosts_are_observed_by_the_log(tmp_path: Path) -> None:
    """All is told, with its time, though the worker comes much later: a host was dead meanwhile and has come back."""
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define(api, "dead", DEADMAN, sink, ".stateChangesOnly()")
            async with Hosts(api, ["a"]).writing():
                async with Hosts(api, ["b"]).writing():
                    await api.until_stats("dead", "from1", collected=8)
                    await services["one"].kill()
                down = time.time()
                await asyncio.sleep(3 * INTERVAL)
                async with Hosts(api, ["b"]).writing():
                    await asyncio.sleep(2 * INTERVAL)
                    back = time.time()
                    await services.start("one")
                    await eventually(lambda: levels(sink, "b") == ["CRITICAL", "OK"], "b was dead and is alive")
            dead, alive = [datetime.fromisoformat(e["time"]).timestamp() for e in events(sink, "b")]
            assert down < dead < alive < back
            assert levels(sink, "a") == []


async def test_a_worker_that_stood_still_has_observed_nothing(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define(api, "dead", DEADMAN, sink)
            assert (await Hosts(api, ["a", "b"]).once()).status_code == 204
            await api.until_stats("dead", "from1", collected=2)
            async with Hosts(api, ["a", "b"]).writing():
                await api.until_stats("dead", "alert5", collected=2)
                processes = [services["one"], services["gateway"]]
                for process in processes:
                    process.send(signal.SIGSTOP)
                down = time.time()
                try:
                    await asyncio.sleep(2.5 * INTERVAL)
                finally:
                    up = time.time()
                    for process in reversed(processes):
                        process.send(signal.SIGCONT)
                # of the two groups in each interval, five of them
                await emitted(api, await emitted(api, 1) + 10)
            assert not [t for t in times(sink) if down + 0.5 < t < up]
            assert "CRITICAL" not in levels(sink, "a") + levels(sink, "b")


@pytest.mark.parametrize("interval", ["1s", "1h"])
async def test_what_a_clock_set_off_is_told_once_though_nothing_of_it_is_in_the_log(
    tmp_path: Path, interval: str
) -> None:
    """Dead, alive again, then dead for good: all after the last checkpoint, and the last after the last message."""
    environment = {"KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": interval}
    async with Serve(tmp_path, environment=environment) as serve, Api(serve) as api, Sink() as sink:
        await define(api, "dead", DEADMAN, sink, ".stateChangesOnly()")
        await define(api, "windows", WINDOWS, sink)
        for round_ in range(1, 4):
            async with Hosts(api, ["a"]).writing():
                if round_ > 1:
                    await eventually(lambda n=round_: levels(sink, "a")[2 * n - 3 :] == ["OK"], "a is alive")
                else:
                    await asyncio.sleep(INTERVAL)
            await eventually(lambda n=round_: len(levels(sink, "a")) == 2 * n - 1, "a is dead")
            await eventually(lambda n=round_: len(events(sink, "a", "/windows")) > 2 * n, "a barrier closed a window")
            if round_ == 2:
                await serve.kill()
                await serve.start()
            else:
                await serve.kill_service("engine-0")
            await asyncio.sleep(3 * INTERVAL)
            assert levels(sink, "a") == ["CRITICAL", "OK"] * (round_ - 1) + ["CRITICAL"]
        for path in ("/dead", "/windows"):
            told = [e["time"] for e in events(sink, "a", path)]
            assert told == sorted(set(told)), path
