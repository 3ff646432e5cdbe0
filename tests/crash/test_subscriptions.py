"""Subscriptions in InfluxDB end to end: what is written there reaches a task."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.bus.connection import Bus
from services.bus.streams import WRITES
from tests.crash.processes import Services, eventually
from tests.support.influx import BINARY, Influxd, influxd
from tests.support.serve import serve

pytestmark = pytest.mark.skipif(BINARY is None, reason="no influxd here")

V1 = "kapacitor/v1"
SECONDS = 30.0
LINES = "cpu,host=a usage_idle={value} {at}\ncpu,host=b usage_idle=90 {at}"
TASK = {
    "id": "idle",
    "type": "stream",
    "dbrps": [{"db": "telegraf", "rp": "autogen"}],
    "script": "stream|from().measurement('cpu').where(lambda: \"host\" == 'a')|httpOut('idle')",
    "status": "enabled",
}


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Influxd]:
    directory = tmp_path / "influx"
    directory.mkdir()
    with influxd(directory) as server:
        yield server


def test_what_telegraf_writes_to_influxdb_reaches_a_task(influx: Influxd, tmp_path: Path) -> None:
    settings = {
        "KAPACITOR_INFLUXDB_0_URLS_0": influx.url,
        "KAPACITOR_INFLUXDB_0_NAME": "localhost",
        "KAPACITOR_INFLUXDB_0_SUBSCRIPTIONS_SYNC_INTERVAL": "1s",
    }
    influx.query("CREATE DATABASE telegraf")
    with serve(tmp_path, settings) as url:
        assert httpx.post(f"{url}/{V1}/tasks", json=TASK).status_code == 200
        assert reaches(influx, url, 97.5) == 97.5


async def test_two_gateways_that_are_killed_in_turn_lose_nothing_that_influxdb_is_written(
    influx: Influxd, tmp_path: Path
) -> None:
    settings = {
        "KAPACITOR_INFLUXDB_0_URLS_0": influx.url,
        "KAPACITOR_INFLUXDB_0_KAPACITOR_HOSTNAME": "127.0.0.1",
        "KAPACITOR_INFLUXDB_0_SUBSCRIPTIONS_SYNC_INTERVAL": "500ms",
    }
    names = ("gateway-a", "gateway-b")
    influx.query("CREATE DATABASE telegraf")
    async with Services(tmp_path, settings) as services, httpx.AsyncClient() as client:
        await services.start(*names)
        urls = sorted(services[name].url for name in names)

        async def written(numbers: range) -> None:
            for number in numbers:
                line = f"m n={number}i {time.time_ns()}"
                answer = await client.post(f"{influx.url}/write", params={"db": "telegraf"}, content=line)
                assert answer.status_code == 204

        await eventually(lambda: subscribed(influx, "telegraf") == urls, "both are subscribed")
        async with await Bus.connect(services.nats.url) as bus:
            came: list[int] = []
            async with bus.follow(WRITES, ["tickbus.write.telegraf.>"]) as follower:

                async def told(numbers: range) -> None:
                    """One point after the other: of several at once InfluxDB drops some while a destination is away.

                    (Its senders share one turn of destinations, so that one of them may try the dead one twice.)
                    """
                    for number in numbers:
                        await written(range(number, number + 1))
                        async with asyncio.timeout(60):
                            while number not in came:
                                for message in await follower.batch():
                                    came.extend(map(int, re.findall(rb" n=(\d+)i", message.data)))

                while not came:  # InfluxDB knows of a new subscription a moment after it says so
                    await written(range(1))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            came.extend(0 for _ in await follower.batch())
                for turn, name in enumerate(names, start=1):
                    await services[name].kill()
                    await told(range(100 * turn, 100 * turn + 50))
                    database = f"while_{turn}"
                    await asyncio.to_thread(influx.query, f"CREATE DATABASE {database}")
                    # the other one takes over what the dead one saw to, and both stand in it: the dead one comes back
                    await eventually(lambda of=database: subscribed(influx, of) == urls, "a new database is subscribed")
                    await services.start(name)
                wanted = [n for turn in (1, 2) for n in range(100 * turn, 100 * turn + 50)]
                assert sorted(n for n in came if n) == wanted


def subscribed(influx: Influxd, database: str) -> list[str]:
    """Where the one subscription of a database leads."""
    found = [series["values"] for series in influx.query("SHOW SUBSCRIPTIONS") if series["name"] == database]
    return sorted(found[0][0][3]) if found and len(found[0]) == 1 else []


def reaches(influx: Influxd, url: str, value: float) -> float | None:
    """What the task has once it has this value, or when it is too late. InfluxDB is written to until then."""
    end, found = time.monotonic() + SECONDS, None
    while found != value and time.monotonic() < end:
        lines = LINES.format(value=value, at=time.time_ns())
        assert httpx.post(f"{influx.url}/write", params={"db": "telegraf"}, content=lines).status_code == 204
        series = httpx.get(f"{url}/{V1}/tasks/idle/idle").json()["series"]
        found = series[0]["values"][0][-1] if series else None
        time.sleep(0.05)
    return found
