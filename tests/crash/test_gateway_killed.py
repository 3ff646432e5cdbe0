"""kill -9 of the gateway between a fact in the log and its answer: all of it is done, and a retry is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from tests.crash.processes import Api, Services

TASKS, TEMPLATES = "/kapacitor/v1/tasks", "/kapacitor/v1/templates"
CPU, MEM = "stream|from().measurement('cpu')|httpOut('out')", "stream|from().measurement('mem')|httpOut('out')"
NUMBER = {"n": {"type": "int", "value": 1, "description": ""}}


class Interrupted:
    """Commands that a gateway does not live to answer."""

    def __init__(self, services: Services, bus: Bus) -> None:
        self._services = services
        self._bus = bus

    async def at_fact(self, asking: Awaitable[httpx.Response]) -> Event:
        """Ask, kill the gateway when the fact that comes of it is in the log, start it again; gives the fact.

        No engine runs meanwhile, so that the answer, which tells how the task fares, cannot be there before.
        """
        await self._services["one"].kill()
        last = await self._bus.last_sequence(EVENTS)
        kinds = ("task", "template", "recording", "replay")
        async with self._bus.follow(EVENTS, [f"tickbus.event.{kind}.>" for kind in kinds], after=last) as follower:
            asked = asyncio.ensure_future(asking)
            facts = [decode(message) for message in await follower.batch()]
            await self._services["gateway"].kill()
            with pytest.raises(httpx.HTTPError):
                await asked
        await self._services.start("gateway", "one")
        (fact,) = facts
        state = await self._bus.stream_state(EVENTS)
        later = [await self._bus.get_message(EVENTS, seq) for seq in range(fact.seq + 1, state.last_seq + 1)]
        assert all(message and message.subject.startswith("tickbus.event.run.") for message in later)
        return fact


async def settled(api: Api, id: str, executing: bool) -> dict[str, Any]:
    """The task, once the engine has come to where it should be with it."""
    async with asyncio.timeout(20):
        while (task := await api.task(id))["executing"] is not executing:
            await asyncio.sleep(0.05)
    shown: dict[str, Any] = task
    return shown


async def ids(api: Api) -> list[str]:
    listed = await api.call("GET", f"{TASKS}?fields=id")
    return [task["id"] for task in listed.json()["tasks"]]


async def test_each_change_is_whole_and_made_once(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway", "one")
        async with await Bus.connect(services.nats.url) as bus:
            killed = Interrupted(services, bus)

            fact = await killed.at_fact(api.define("t", CPU))
            assert (fact.what, fact.data["status"]) == ("defined", "enabled")
            task = await settled(api, "t", True)
            assert (task["status"], task["error"]) == ("enabled", "")
            again = await api.define("t", CPU)
            assert (again.status_code, again.json()) == (400, {"error": "task t already exists"})
            assert await ids(api) == ["t"]

            change = {"script": MEM, "vars": NUMBER, "dbrps": [{"db": "new", "rp": "rp"}], "status": "disabled"}
            await killed.at_fact(api.call("PATCH", f"{TASKS}/t", json=change))
            check(await settled(api, "t", False), change)
            again = await api.call("PATCH", f"{TASKS}/t", json=change)
            assert again.status_code == 200, again.text
            check(again.json(), change)

            change = {"script": CPU, "dbrps": [{"db": "db", "rp": "rp"}], "status": "enabled"}
            fact = await killed.at_fact(api.call("PATCH", f"{TASKS}/t", json=change))
            assert fact.what == "updated"
            check(await settled(api, "t", True), change)
            again = await api.call("PATCH", f"{TASKS}/t", json=change)
            assert (again.status_code, again.json()["executing"]) == (200, True)
            assert (await api.write("cpu v=1 1")).status_code == 204
            await api.until_stats("t", "from1", emitted=1)

            await killed.at_fact(api.call("PATCH", f"{TASKS}/t", json={"id": "u", "vars": NUMBER}))
            assert (await settled(api, "u", True))["vars"] == NUMBER
            assert await ids(api) == ["u"]
            again = await api.call("PATCH", f"{TASKS}/t", json={"id": "u", "vars": NUMBER})
            assert (again.status_code, again.json()) == (404, {"error": "task does not exist, cannot update"})

            template = {"id": "x", "script": "var m = 'cpu'\nstream|from().measurement(m)"}
            assert (await api.call("POST", TEMPLATES, json=template)).status_code == 200
            made = {"id": "v", "template-id": "x", "dbrps": [{"db": "db", "rp": "rp"}], "status": "enabled"}
            assert (await api.call("POST", TASKS, json=made)).status_code == 200
            change = {"script": "var m = 'mem'\nstream|from().measurement(m)|log()"}
            await killed.at_fact(api.call("PATCH", f"{TEMPLATES}/x", json=change))
            assert "log()" in (await settled(api, "v", True))["script"]
            assert (await api.call("PATCH", f"{TEMPLATES}/x", json=change)).status_code == 200

            await killed.at_fact(api.call("DELETE", f"{TASKS}/v"))
            assert await ids(api) == ["u"]
            assert (await api.call("DELETE", f"{TASKS}/v")).status_code == 204
            again = await api.call("POST", TASKS, json=made)
            assert (again.status_code, again.json()["executing"]) == (200, True)


async def test_recordings_and_replays_are_there_once(tmp_path: Path) -> None:
    """Their answer does not wait for anybody: the gateway is killed as soon as it may be, before or after it."""
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway")
        assert (await api.define("t", CPU, status="disabled")).status_code == 200
        for path, body in (
            ("recordings/stream", {"id": "r", "task": "t", "stop": "2030-01-01T00:00:00Z"}),
            ("replays", {"id": "p", "task": "t", "recording": "r"}),
        ):
            async with await Bus.connect(services.nats.url) as bus:
                last = await bus.last_sequence(EVENTS)
                async with bus.follow(EVENTS, ["tickbus.event.>"], after=last) as follower:
                    asked = asyncio.ensure_future(api.call("POST", f"/kapacitor/v1/{path}", json=body))
                    await follower.batch()
                    await services["gateway"].kill()
                await asyncio.wait([asked])
                assert asked.exception() is not None or asked.result().status_code == 201
                await services.start("gateway")
                again = await api.call("POST", f"/kapacitor/v1/{path}", json=body)
                assert (again.status_code, again.json()["error"][-14:]) == (500, "already exists")
                assert await bus.last_sequence(EVENTS) == last + 1
        await services.start("recorder")
        for path in ("recordings/r", "replays/p"):
            shown = (await api.call("GET", f"/kapacitor/v1/{path}")).json()
            assert shown["id"] == path[-1]


def check(task: dict[str, Any], change: dict[str, Any]) -> None:
    """A task shows every part of a change."""
    assert {key: task[key] for key in change if key != "script"} == {k: v for k, v in change.items() if k != "script"}
    assert task["script"].replace("\n", "").replace(" ", "") == change["script"]
