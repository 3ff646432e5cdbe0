"""A gateway that is asked to stop: what is under way is answered, nothing new is taken."""

from __future__ import annotations

import asyncio
import time

import httpx
import orjson
import pytest

from services.bus import events
from services.bus.connection import Bus
from services.bus.errors import NobodyThere
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.bus.subjects import command_subject
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.resources.test_tasks import TASKS, body

CREATE = command_subject("task", "create")


async def test_requests_and_commands_under_way_are_answered(
    start_gateway: StartGateway, bus: Bus, worker: StandInWorker
) -> None:
    worker.silent = True
    starting = start_gateway(shutdown_timeout=10.0)
    gateway = await starting.__aenter__()
    async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20) as client:
        over_http = asyncio.create_task(client.post(TASKS, json=body("http", status="enabled")))
        over_bus = asyncio.create_task(bus.request(CREATE, orjson.dumps(body("bus", status="enabled")), 20.0))
        defined: dict[str, Event] = {}
        async with bus.follow(EVENTS, ["tickbus.event.task.*.defined"]) as follower:
            while len(defined) < 2:
                defined |= {event.id: event for event in map(decode, await follower.batch())}
        stopping = asyncio.create_task(starting.__aexit__(None, None, None))
        with pytest.raises(httpx.ConnectError):
            while True:
                async with httpx.AsyncClient(base_url=gateway.base_url) as late:
                    await late.get("/kapacitor/v1/ping")
        with pytest.raises(NobodyThere):
            while True:
                await bus.request(command_subject("task", "list"), b"{}")
        assert not over_http.done() and not over_bus.done()
        for id, event in defined.items():
            told = {"enabled": event.seq, "position": 0, "worker": "test", "alerts": []}
            headers, data = events.encode(Event("run", id, "started", told, time.time_ns()))
            await bus.publish(f"tickbus.event.run.{id}.started", data, headers)
        answer = await over_http
        assert (answer.status_code, answer.json()["status"]) == (200, "enabled")
        reply = orjson.loads(await over_bus)
        assert (reply["status"], reply["body"]["status"]) == (200, "enabled")
        await stopping


async def test_what_takes_too_long_is_cut_off(start_gateway: StartGateway, bus: Bus, worker: StandInWorker) -> None:
    """The task is there all the same: whoever asks again is told so."""
    worker.silent = True
    starting = start_gateway(shutdown_timeout=0.2)
    gateway = await starting.__aenter__()
    async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20) as client:
        asked = asyncio.create_task(client.post(TASKS, json=body("slow", status="enabled")))
        async with bus.follow(EVENTS, ["tickbus.event.task.slow.defined"]) as follower:
            await follower.batch()
        began = time.monotonic()
        await starting.__aexit__(None, None, None)
        assert time.monotonic() - began < 5
        with pytest.raises(httpx.HTTPError):
            (await asked).raise_for_status()
    async with start_gateway() as client:
        again = await client.post(TASKS, json=body("slow", status="enabled"))
        assert (again.status_code, again.json()["error"]) == (400, "task slow already exists")
