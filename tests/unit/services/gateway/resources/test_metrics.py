"""Metrics of the whole server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import orjson
import pytest

from schemas.requests.process import FiguresSchema
from services.bus.connection import Bus
from services.bus.subjects import request_subject
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.resources.test_tasks import TASKS, body

V1 = "/kapacitor/v1"
pytestmark = pytest.mark.usefixtures("agent")


async def test_vars_have_what_clients_read(gateway: httpx.AsyncClient, worker: StandInWorker) -> None:
    await gateway.post(TASKS, json=body("counted", status="enabled"))
    found = (await gateway.get(f"{V1}/debug/vars")).json()
    assert (found["product"], found["version"], found["num_subscriptions"]) == ("kapacitor", "1.5.7", 0)
    assert found["num_tasks"] >= found["num_enabled_tasks"] >= 1
    stats = found["memstats"]
    assert stats["Alloc"] > 1 << 20
    assert len(stats["PauseNs"]) == 256
    assert all(type(value) in (int, float, bool, list) for value in stats.values())
    assert {one["name"] for one in found["kapacitor"].values()} >= {"streams"}
    assert all(one.keys() == {"name", "tags", "values"} for one in found["kapacitor"].values())


async def test_metrics_are_prometheus_text(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert lines.count("# TYPE tickbus_tasks gauge") == 1
    assert any(line.startswith('tickbus_process_cpu_seconds_total{service="standin",') for line in lines)


async def test_a_process_that_is_gone_is_not_waited_for_twice(gateway: httpx.AsyncClient, bus: Bus) -> None:
    bus.broadcast("tickbus.process.here", b'{"id": "gone", "service": "engine", "pid": 1, "host": ""}')
    first = await gateway.get("/metrics")
    assert first.status_code == 200
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await gateway.get("/metrics")
    assert loop.time() - began < 0.8
    assert 'service="standin"' in answer.text


async def test_a_worker_that_is_slow_once_is_shown_as_it_was(gateway: httpx.AsyncClient, bus: Bus) -> None:
    quick = True

    async def stats(data: bytes, headers: Mapping[str, str]) -> bytes | None:
        told = {"worker": "w", "lag": 7, "refused": 0, "ingress": [], "tasks": {}}
        return orjson.dumps(told) if quick else None

    heartbeats = await bus.bucket("workers")
    await heartbeats.put("w", b"{}")
    answering = bus.answer(request_subject("engine", "stats"), stats)
    first = samples(await gateway.get("/metrics"))
    assert first['tickbus_worker_lag_messages{worker="w"}'] == 7 and first['tickbus_worker_up{worker="w"}'] == 1
    quick = False
    then = samples(await gateway.get("/metrics"))
    assert then['tickbus_worker_lag_messages{worker="w"}'] == 7 and then['tickbus_worker_up{worker="w"}'] == 1
    assert then['tickbus_worker_age_seconds{worker="w"}'] > first['tickbus_worker_age_seconds{worker="w"}'] + 0.1
    await heartbeats.delete("w")
    assert not [name for name in samples(await gateway.get("/metrics")) if 'worker="w"' in name]
    answering.stop()


def samples(answer: httpx.Response) -> dict[str, float]:
    """The values of /metrics by name and labels."""
    pairs = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


async def test_a_process_says_what_it_takes(bus: Bus) -> None:
    (answer,) = await bus.request_all("tickbus.ask.process.figures", b"{}", 1)
    found = orjson.loads(answer)
    assert FiguresSchema().validate(found) == {}
    assert found["resident_bytes"] > 1 << 20
