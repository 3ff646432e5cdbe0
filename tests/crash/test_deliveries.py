"""Posts and writes of nodes, through kills and restarts of the worker: none is lost, none that was answered repeated.

States are saved so seldom here that the worker goes back to the beginning of the log each time.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.load import Web
from tests.crash.processes import Api, Services, eventually

SELDOM = {"KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10m"}
POINTS, BODY = 400, 10
PAUSE = 0.004  # of the sink before it answers, for each point
KILLS = 2


class Slow(Web):
    """Takes its time for each point: numbers of the points in each body, with the key it came under."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[tuple[str, list[int]]] = []

    @property
    def numbers(self) -> list[int]:
        return [n for _, numbers in self.bodies for n in numbers]

    async def all_there(self, count: int) -> None:
        await eventually(lambda: len(set(self.numbers)) == count, f"all of {count} points have come")
        assert set(self.numbers) == set(range(count))

    def repeated(self) -> int:
        """How many bodies came again; those that did, under the key that they had."""
        first: dict[int, str] = {}
        again = 0
        for key, numbers in self.bodies:
            again += any(n in first for n in numbers)
            for n in numbers:
                assert first.setdefault(n, key) == key
        return again

    async def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if path.startswith("/query"):
            return
        numbers = [int(n) for n in re.findall(rb"n=(\d+)i|,(\d+)\]\]", body) for n in n if n]
        self.bodies.append((headers.get("idempotency-key", ""), numbers))
        await asyncio.sleep(PAUSE * len(numbers))


POST = "stream|from().measurement('m')|httpPost('SINK')"
CODES = POST + ".codeField('code')|stateCount(lambda: \"code\" == 204)|httpOut('out')"
WRITES = "stream|from().measurement('m')|influxDBOut().buffer(10).flushInterval(1s)"


@pytest.mark.parametrize("script", [POST, CODES, WRITES], ids=["posts", "codes", "writes"])
async def test_killed_again_and_again(tmp_path: Path, script: str) -> None:
    async with Slow() as sink, _services(tmp_path, sink) as services, Api(services) as api:
        await _begin(services, api, sink, script)
        await _write(api, 0, POINTS)
        for kill in range(1, KILLS + 1):
            some = POINTS * kill // (KILLS + 1)
            await eventually(lambda some=some: len(set(sink.numbers)) >= some, "some have come")  # type: ignore[misc]
            await services["one"].kill()
            await services["one"].start()
        await sink.all_there(POINTS)
        assert Counter(sink.numbers).most_common(1)[0][1] <= KILLS + 1
        assert sink.repeated() <= KILLS, "only what was under way"
        if script is CODES:
            await api.until_stats("t", "http_out4", collected=POINTS)
            out = (await api.call("GET", "/kapacitor/v1/tasks/t/out")).json()
            (series,) = out["series"]
            assert series["values"][-1][series["columns"].index("state_count")] == POINTS, "each with its code"


@pytest.mark.parametrize("script", [CODES, WRITES], ids=["codes", "writes"])
async def test_restarted_in_order(tmp_path: Path, script: str) -> None:
    async with Slow() as sink, _services(tmp_path, sink) as services, Api(services) as api:
        await _begin(services, api, sink, script)
        await _write(api, 0, POINTS // 2 + 5)
        await eventually(lambda: len(sink.numbers) > 50, "some have come")
        assert await services["one"].stop() == 0
        there = len(sink.numbers)
        assert there < POINTS // 2, "there is something left to do"
        await services["one"].start()
        # what waits goes out though nothing comes
        await sink.all_there(POINTS // 2 + 5)
        assert not sink.repeated()


async def test_another_worker_takes_over(tmp_path: Path) -> None:
    async with Slow() as sink, _services(tmp_path, sink) as services, Api(services) as api:
        await services.start("two")
        await _begin(services, api, sink, POST)
        await _write(api, 0, POINTS)
        await eventually(lambda: len(sink.numbers) > POINTS // 4, "some have come")
        await asyncio.gather(services["one"].kill(), services["two"].kill())
        # neither knows what the other has in its files
        await services.start("three")
        await sink.all_there(POINTS)
        within = 0.5  # seconds in which the bus is told, on a busy machine
        assert sink.repeated() <= within / PAUSE


def _services(directory: Path, sink: Slow) -> Services:
    return Services(
        directory, SELDOM | {"KAPACITOR_INFLUXDB_0_ENABLED": "true", "KAPACITOR_INFLUXDB_0_URLS_0": sink.url}
    )


async def _begin(services: Services, api: Api, sink: Slow, script: str) -> None:
    await services.start("gateway", "alerting", "one")
    answer = await api.define("t", script.replace("SINK", sink.url))
    assert answer.status_code == 200 and answer.json()["executing"], answer.text


async def _write(api: Api, start: int, stop: int) -> None:
    for at in range(start, stop, BODY):
        lines = "\n".join(f"m n={n}i {1000 + n}" for n in range(at, min(at + BODY, stop)))
        assert (await api.write(lines)).status_code == 204
