"""Looking on over HTTP: what comes of each kind, what is refused, and that a viewer sees only what they may."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from schemas.api.watching.live import EVENTS
from schemas.requests.engine import ENGINE_FIGURES
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import request_subject
from services.gateway.clients import engine
from services.gateway.live import connection
from services.gateway.live import stream as streaming
from services.process import log
from tests.support.alerts import CRITICAL, WARNING, alerts, send
from tests.support.nats import NatsServer
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.resources.test_users import command

V1 = "/kapacitor/v1"
PATH = f"{V1}/live"


class Stream:
    """The events of an answer."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, name: str, fits: Callable[[Any], bool] = lambda data: True) -> Any:
        """The data of the next event of this name that fits; each one is as its schema says."""
        async with asyncio.timeout(30):
            while True:
                line = await anext(self._lines)
                if not line.startswith("event: "):
                    continue
                kind, data = line.removeprefix("event: "), json.loads((await anext(self._lines))[len("data: ") :])
                assert EVENTS[kind]().validate(data) == {}, (kind, data)
                if kind == name and fits(data):
                    return data

    async def ended(self) -> bool:
        """Whether it ends by itself, whatever still comes."""
        async with asyncio.timeout(30):
            async for _ in self._lines:
                pass
        return True


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("overview", "nodes", "feed"):
        monkeypatch.setattr(f"services.gateway.live.{module}.PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(connection, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(engine, "_UNKNOWN_SECONDS", 0.05)


@pytest.fixture
async def task(gateway: httpx.AsyncClient, worker: StandInWorker) -> AsyncIterator[str]:
    """A task that runs."""
    assert (await gateway.post(f"{V1}/tasks", json=body("looked_at"))).status_code == 200
    yield "looked_at"
    await gateway.delete(f"{V1}/tasks/looked_at")


def body(id: str, **more: Any) -> dict[str, Any]:
    script = "stream|from()|eval(lambda: 1.0).as('x')|httpOut('x')"
    return {"id": id, "dbrps": [{"db": "d", "rp": "r"}], "script": script, "status": "enabled", **more}


async def test_what_is_refused(gateway: httpx.AsyncClient) -> None:
    for query, status, error in (
        ("kinds=overview,moon", 400, "kinds: 'moon' is none of overview, tasks, alerts, changes, logs, node-stats"),
        ("level=loud", 400, "level: must be one of: , debug, info, warn, error"),
        ("since=1", 400, "since: unknown field"),
        ("kinds=node-stats", 400, "task: node-stats are of one task, which has to be named"),
        ("kinds=node-stats&task=none", 404, "no task exists"),
    ):
        answer = await gateway.get(f"{PATH}?{query}")
        assert (answer.status_code, answer.json()) == (status, {"error": error})


@pytest.mark.parametrize("name", ["kinds", "task", "topic", "level", "none"])
async def test_hostile_parameters(gateway: httpx.AsyncClient, name: str) -> None:
    for value in ("", "%00", "x" * 2000, "%FF", ",", "overview,,tasks", "__class__", "-1", "%0d%0aevent: x"):
        async with gateway.stream("GET", f"{PATH}?{name}={value}") as response:
            assert response.status_code in (200, 400)
            if response.status_code == 400:
                assert json.loads(await response.aread())["error"].startswith(f"{name}: ")


@pytest.mark.usefixtures("agent")
async def test_overview_and_tasks(gateway: httpx.AsyncClient, task: str, bus: Bus) -> None:
    collected = 0

    async def figures(data: bytes, headers: object) -> bytes:
        nonlocal collected
        collected += 50
        tasks = {task: (collected, 3, 7, "")}
        told = {"worker": "w", "lag": 1, "lag_ns": 2 * 10**9, "points": [("d", "r", collected)], "tasks": tasks}
        return ENGINE_FIGURES.encode_response(told)

    answering = bus.answer(request_subject(*ENGINE_FIGURES.tokens()), figures)
    async with gateway.stream("GET", f"{PATH}?kinds=overview,tasks") as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        stream = Stream(response)
        found = await stream.next("overview", lambda found: found["points-per-second"] > 0)
        services = {one["name"]: one for one in found["services"]}
        assert services["w"]["lag-seconds"] == 2.0 and services["w"]["up"] and services["w"]["errors"] == 3
        assert services["nats"]["up"] and "standin" in {one["kind"] for one in found["services"]}
        assert found["alerts"] == {"INFO": 0, "WARNING": 0, "CRITICAL": 0}
        async with gateway.stream("GET", f"{PATH}?kinds=tasks") as second:
            other = Stream(second)
            found = await other.next("tasks")
            assert found["all"]
            row = next(one for one in found["tasks"] if one["id"] == task)
            assert (row["executing"], row["errors"], row["groups"], row["workers"]) == (True, 3, 7, ["w"])
            found = await other.next("tasks")
            assert not found["all"] and [one["id"] for one in found["tasks"]] == [task]
            assert (await gateway.post(f"{V1}/tasks", json=body("more", status="disabled"))).status_code == 200
            both = [await one.next("tasks", lambda found: "more" in ids(found)) for one in (stream, other)]
            assert both[0] == both[1]
            await gateway.delete(f"{V1}/tasks/more")
            assert (await other.next("tasks", lambda found: found["gone"]))["gone"] == ["more"]
        answering.stop()


def ids(found: Any) -> list[str]:
    return [one["id"] for one in found["tasks"]]


async def test_alerts_and_changes(gateway: httpx.AsyncClient, alerting: Alerting, bus: Bus) -> None:
    async with gateway.stream("GET", f"{PATH}?kinds=alerts,changes&topic=live/a") as response:
        stream = Stream(response)
        await stream.next("change", await changing(gateway))
        await send(bus, alerts([("x", WARNING)], 1), 0, "another")
        await send(bus, alerts([("a", WARNING)], 1), 0, "live/a")
        await send(bus, alerts([("a", WARNING), ("a", CRITICAL)], 2), 0, "live/a")
        found = [await stream.next("alert") for _ in range(2)]
        assert [(one["topic"], one["id"], one["previousLevel"], one["level"]) for one in found] == [
            ("live/a", "a", "OK", "WARNING"),
            ("live/a", "a", "WARNING", "CRITICAL"),
        ]
        listed = (await gateway.get(f"{V1}/alerts/history", params={"match": "topic=live/a"})).json()["transitions"]
        assert found == listed[::-1]
        silence = {"matchers": ["host=a"], "duration": "1h", "comment": "c", "by": "me"}
        id = (await gateway.post(f"{V1}/silences", json=silence)).json()["id"]
        assert await stream.next("change") == {"kind": "silence", "id": id, "what": "created"}
        handler = {"id": "h", "kind": "log", "options": {"path": "/tmp/none.log"}}
        assert (await gateway.post(f"{V1}/alerts/topics/t/handlers", json=handler)).status_code == 200
        assert await stream.next("change") == {"kind": "handler", "topic": "t", "id": "h", "what": "created"}
        await gateway.delete(f"{V1}/silences/{id}")
        await gateway.delete(f"{V1}/alerts/topics/t/handlers/h")


async def changing(client: httpx.AsyncClient) -> Callable[[Any], bool]:
    """Have something change until that is told: a viewer sees what comes after the log is followed."""

    async def change() -> None:
        for _ in range(100):
            await client.post(f"{V1}/templates", json={"id": secrets.token_hex(8), "script": "stream|from()"})
            await asyncio.sleep(0.1)

    making = asyncio.create_task(change())

    def told(found: Any) -> bool:
        making.cancel()
        return found["kind"] == "template" and found["what"] == "created"

    return told


@pytest.mark.usefixtures("agent")
async def test_lines_of_the_log_by_task_and_level(gateway: httpx.AsyncClient) -> None:
    async with gateway.stream("GET", f"{PATH}?kinds=logs&task=t1&level=info") as response:
        stream = Stream(response)
        async with asyncio.timeout(30):
            while not log.get("engine").enabled("DEBUG"):
                await asyncio.sleep(0.01)
        log.get("engine").info("other", task="t2")
        log.get("engine").debug("quiet", task="t1")
        log.get("engine").warn("<b>this</b>", task="t1")
        found = await stream.next("log")
        assert (found["lvl"], found["msg"], found["service"]) == ("warn", "<b>this</b>", "engine")


@pytest.mark.usefixtures("agent")
async def test_who_does_not_read_holds_up_nobody(gateway: httpx.AsyncClient, bus: Bus) -> None:
    idle = socket.socket()
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle.setblocking(False)
    await asyncio.get_running_loop().sock_connect(idle, (gateway.base_url.host, gateway.base_url.port))
    reader, writer = await asyncio.open_connection(sock=idle, limit=1024)
    writer.write(f"GET {PATH}?kinds=logs HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async with gateway.stream("GET", f"{PATH}?kinds=logs&task=last") as response:
        stream = Stream(response)
        async with asyncio.timeout(30):
            while not log.get("engine").enabled("DEBUG"):
                await asyncio.sleep(0.01)
        line = b"ts=2026-01-01T00:00:00Z lvl=info msg=%s service=engine task=" % (b"x" * 60_000)
        for _ in range(200):
            bus.broadcast("tickbus.log.engine", line + b"many")
            await asyncio.sleep(0)
        bus.broadcast("tickbus.log.engine", line + b"last")
        assert (await stream.next("log"))["task"] == "last"
    async with asyncio.timeout(30):
        found = b""
        while b"event: lagging" not in found:
            found = found[-20:] + await reader.read(1 << 20)
    writer.close()


async def test_nodes_of_a_task(gateway: httpx.AsyncClient, task: str) -> None:
    async with gateway.stream("GET", f"{PATH}?kinds=node-stats&task={task}") as response:
        stream = Stream(response)
        found = await stream.next("node-stats")
        assert (found["task"], found["executing"]) == (task, True)
        assert found["nodes"]["eval2"]["collected"] == 0 and found["nodes"]["eval2"]["points-per-second"] == 0.0
        assert [(one["from"], one["to"]) for one in found["edges"]] == [
            ("stream0", "from1"),
            ("from1", "eval2"),
            ("eval2", "http_out3"),
        ]
        await gateway.patch(f"{V1}/tasks/{task}", json={"status": "disabled"})
        found = await stream.next("node-stats", lambda found: not found["executing"])
        assert found["nodes"] == {} and found["edges"] == []


async def test_the_bus_away_is_told_and_its_return(gateway: httpx.AsyncClient, nats_server: NatsServer) -> None:
    async with gateway.stream("GET", f"{PATH}?kinds=overview,changes") as response:
        stream = Stream(response)
        await stream.next("overview", nats_up)
        nats_server.stop()
        try:
            assert (await stream.next("unavailable"))["what"] == "bus"
            async with gateway.stream("GET", f"{PATH}?kinds=tasks") as other:
                assert (await Stream(other).next("unavailable"))["what"] == "bus"
            found = await stream.next("overview", lambda found: not nats_up(found))
            assert not any(one["up"] for one in found["services"])
        finally:
            nats_server.start()
        await stream.next("available")
        await stream.next("overview", nats_up)
        await stream.next("change", await changing(gateway))


def nats_up(found: Any) -> bool:
    return any(one["kind"] == "nats" and one["up"] for one in found["services"])


async def test_users_see_what_they_may_and_no_longer_than_they_may(
    start_gateway: StartGateway, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_AGAIN_SECONDS", 0.0)
    root = {"name": "root", "password": "secret", "type": "admin", "permissions": []}
    async with start_gateway(name="users", auth_enabled=True, shared_secret="s") as client:
        await command(bus, "create", root)
        admin = httpx.BasicAuth("root", "secret")
        reader = {"name": "reader", "password": "pass", "type": "normal", "permissions": ["api"]}
        writer = {"name": "writer", "password": "pass", "type": "normal", "permissions": ["write_points"]}
        for one in (reader, writer):
            assert (await client.post(f"{V1}/users", json=one, auth=admin)).status_code == 200
        assert (await client.get(PATH)).status_code == 401
        assert (await client.get(PATH, auth=("writer", "pass"))).status_code == 403
        async with client.stream("GET", f"{PATH}?u=reader&p=pass&kinds=changes,overview") as response:
            stream = Stream(response)
            assert response.status_code == 200
            await stream.next("overview")
            await client.delete(f"{V1}/users/reader", auth=admin)
            assert "authorization failed" in (await stream.next("denied"))["error"]
            assert await stream.ended()
        async with client.stream("GET", PATH, auth=admin) as response:
            stream = Stream(response)
            await stream.next("overview")
            await client.patch(f"{V1}/users/root", json={"type": "normal", "permissions": ["api"]}, auth=admin)
            assert await stream.ended()
        for name in ("root", "writer"):
            await command(bus, "delete", {"id": name})
