"""Subscriptions in InfluxDB end to end: what is written there reaches a task."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

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
