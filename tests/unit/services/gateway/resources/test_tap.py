"""Tapping a task over HTTP: what is refused, what a worker is asked, and that another worker may take the task over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from schemas.requests.engine import TASK_TAP
from services.bus.connection import Bus
from services.bus.positions import EventsSeq
from services.bus.requests import Responder
from services.bus.subjects import request_subject, tap_subject
from services.gateway.clients import taps
from services.store.folds.layouts import Layout, Unit
from tests.support.worker import StandInWorker

TASKS = "/kapacitor/v1/tasks"


class Worker:
    """The part of a worker that is asked for taps; `asked` has what it was asked."""

    def __init__(self, bus: Bus, status: int = 200, error: str = "", unit: str = "t") -> None:
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answer = TASK_TAP.encode_response({"status": status, "error": error})
        self._answering: Responder = bus.answer(request_subject(*TASK_TAP.tokens(unit)), self._tap)

    async def _tap(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        self.asked.put_nowait(TASK_TAP.decode_request(data))
        return self._answer

    def stop(self) -> None:
        self._answering.stop()


@pytest.fixture
async def tapped(gateway: httpx.AsyncClient, worker: StandInWorker) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with a task t that runs, and a task `off` that does not."""
    for id, status in (("t", "enabled"), ("off", "disabled")):
        task = {"id": id, "dbrps": [{"db": "db", "rp": "rp"}], "script": "stream|from()", "status": status}
        assert (await gateway.post(TASKS, json=task)).status_code == 200
    yield gateway
    for id in ("t", "off"):
        await gateway.delete(f"{TASKS}/{id}")


async def test_what_is_refused(tapped: httpx.AsyncClient, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "_TAKING_UP_SECONDS", 0.1)
    for path, status, error in (
        ("none/tap", 404, "no task exists"),
        ("off/tap", 409, "task off does not run"),
        ("t/tap", 503, "no worker runs the task t at present"),
        ("t/tap?rate=0", 400, "rate: '0' is no number of rows a second from 1 to 1000"),
        ("t/tap?for=soon", 400, "for: 'soon' is no duration as 10s or 1m30s"),
        ("t/tap?for=-1s", 400, "for: must be more than 0"),
        ("t/tap?group=host", 400, "group: 'host' is no tag with its value as host=a"),
    ):
        answer = await tapped.get(f"{TASKS}/{path}")
        assert (answer.status_code, answer.json()) == (status, {"error": error})
    worker = Worker(bus, 404, "task t has no node x")
    answer = await tapped.get(f"{TASKS}/t/tap?node=x")
    assert (answer.status_code, answer.json()) == (404, {"error": "task t has no node x"})
    worker.stop()


async def test_lines_come_from_whichever_worker_has_the_task(
    tapped: httpx.AsyncClient, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "LEASE_SECONDS", 0.6)
    first = Worker(bus)
    url = f"{TASKS}/t/tap?node=from1&group=host%3Da%5C,b,cpu%3D0&rate=7"
    async with asyncio.timeout(60), tapped.stream("GET", url) as stream:
        assert (stream.status_code, stream.headers["content-type"]) == (200, "application/x-ndjson")
        asked = await first.asked.get()
        tap = asked.pop("tap")
        assert asked == {"node": "from1", "tags": {"host": "a,b", "cpu": "0"}, "rate": 7, "seconds": 0.6}
        assert (await first.asked.get())["tap"] == tap
        first.stop()
        second = Worker(bus)
        assert (await second.asked.get())["tap"] == tap
        bus.broadcast(tap_subject(tap), b'{"node":"from1"}\n{"left-out":3}\n')
        found = stream.aiter_lines()
        assert [json.loads(await anext(found)) for _ in range(2)] == [{"node": "from1"}, {"left-out": 3}]
        await stream.aclose()
    async with asyncio.timeout(60):
        while (await second.asked.get())["seconds"]:
            pass
    second.stop()


async def test_parts_are_followed_wherever_they_are_and_share_the_rate(
    tapped: httpx.AsyncClient, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "LEASE_SECONDS", 0.6)
    units = dict.fromkeys(Layout(EventsSeq(7), 0, (4, 9), ("host",), False).units("t"), "one")
    monkeypatch.setattr(taps, "running_units", lambda task, run: units)
    workers = [Worker(bus, unit=unit.id) for unit in units]
    async with asyncio.timeout(60), tapped.stream("GET", f"{TASKS}/t/tap?rate=9") as stream:
        asked = [await worker.asked.get() for worker in workers]
        assert [one["rate"] for one in asked] == [4, 4] and asked[0] == asked[1]
        for part in "ab":
            bus.broadcast(tap_subject(asked[0]["tap"]), b'{"group":"%s"}\n' % part.encode())
        found = stream.aiter_lines()
        assert [json.loads(await anext(found)) for _ in range(2)] == [{"group": "a"}, {"group": "b"}]
        # the task is in one place again
        units.clear()
        units[Unit("t")] = "one"
        whole = Worker(bus)
        assert (await whole.asked.get())["rate"] == 9
        await stream.aclose()
    for worker in (*workers, whole):
        worker.stop()


async def test_it_ends_when_its_time_is_over_or_the_node_is_gone(
    tapped: httpx.AsyncClient, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "LEASE_SECONDS", 0.6)
    worker = Worker(bus)
    assert (await tapped.get(f"{TASKS}/t/tap?for=50ms")).content == b""
    async with asyncio.timeout(60):
        while (await worker.asked.get())["seconds"]:
            pass
    async with asyncio.timeout(60), tapped.stream("GET", f"{TASKS}/t/tap?node=x") as stream:
        worker.stop()
        other = Worker(bus, 404, "task t has no node x")
        assert [json.loads(line) async for line in stream.aiter_lines()] == [{"error": "task t has no node x"}]
    other.stop()


@pytest.mark.parametrize(
    ("body", "error"),
    [({"status": "disabled"}, "task t is disabled"), (None, "there is no task t any more")],
    ids=["disabled", "deleted"],
)
async def test_it_ends_with_a_task_that_is_not_to_run_any_more(
    tapped: httpx.AsyncClient,
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    body: dict[str, str] | None,
    error: str,
) -> None:
    monkeypatch.setattr(taps, "LEASE_SECONDS", 0.6)
    worker = Worker(bus)
    async with asyncio.timeout(60), tapped.stream("GET", f"{TASKS}/t/tap?node=from1") as stream:
        worker.stop()
        await tapped.request("DELETE" if body is None else "PATCH", f"{TASKS}/t", json=body)
        assert [json.loads(line) async for line in stream.aiter_lines()] == [{"error": error}]


async def test_so_many_and_no_more(tapped: httpx.AsyncClient, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "MOST_TAPS", 1)
    worker = Worker(bus)
    async with tapped.stream("GET", f"{TASKS}/t/tap") as stream:
        answer = await tapped.get(f"{TASKS}/t/tap")
        assert (answer.status_code, answer.json()) == (503, {"error": "1 taps are being read: no more at once"})
        await stream.aclose()
    async with asyncio.timeout(60):
        while (await tapped.get(f"{TASKS}/t/tap?for=1ms")).status_code != 200:
            await asyncio.sleep(0.05)
    worker.stop()


async def test_an_httpout_of_that_name_is_shown_as_ever(tapped: httpx.AsyncClient, bus: Bus) -> None:
    task = {"script": "stream|from()|httpOut('tap')", "status": "disabled"}
    assert (await tapped.patch(f"{TASKS}/t", json=task)).status_code == 200
    assert (await tapped.patch(f"{TASKS}/t", json={"status": "enabled"})).status_code == 200
    assert (await tapped.get(f"{TASKS}/t/tap")).json()["series"][0]["name"] == "m"
    worker = Worker(bus)
    assert (await tapped.get(f"{TASKS}/t/tap?for=1ms")).content == b""
    worker.stop()


async def test_who_runs_a_task_is_told_where_it_is_asked_for(tapped: httpx.AsyncClient) -> None:
    found = (await tapped.get(f"{TASKS}?fields=worker&fields=id")).json()["tasks"]
    assert [(task["id"], task["worker"]) for task in found] == [("off", ""), ("t", "stand-in")]
    assert "worker" not in (await tapped.get(TASKS)).json()["tasks"][0]
