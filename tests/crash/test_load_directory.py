"""The load directory of a `tickbus serve`: started with it, told of changes by SIGHUP, killed in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.crash.processes import Api, Serve, eventually

V1 = "/kapacitor/v1"
MANY = 300
TEMPLATE = "var m string\nstream|from().measurement(m)|httpOut('out')\n"
OTHER_TEMPLATE = "var n string\nstream|from().measurement(n)|httpOut('out')\n"


def script(measurement: str) -> str:
    return f"dbrp \"db\".\"rp\"\nstream|from().measurement('{measurement}')|window().period(1s)|httpOut('out')\n"


def made(template: str = "base", **vars: str) -> str:
    given = {name: {"type": "string", "value": value} for name, value in vars.items()}
    return orjson.dumps({"template-id": template, "dbrps": [{"db": "db", "rp": "rp"}], "vars": given}).decode()


class Directory:
    """A load directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {"KAPACITOR_LOAD_ENABLED": "true", "KAPACITOR_LOAD_DIR": str(path)}
        for folder in ("tasks", "templates", "handlers"):
            (path / folder).mkdir(parents=True)

    def put(self, file: str, text: str) -> None:
        (self.path / file).write_text(text)

    def take(self, file: str) -> None:
        (self.path / file).unlink()

    def tasks(self) -> dict[str, str]:
        """The scripts that tasks should have, by id."""
        found = {}
        for path in (self.path / "tasks").iterdir():
            text = path.read_text()
            found[path.stem] = text if path.suffix == ".tick" else (self.path / "templates/base.tick").read_text()
        return found


async def shown(api: Api) -> dict[str, str]:
    """The scripts of the tasks that run, by id."""
    parameters = "limit=10000&script-format=raw&fields=script&fields=executing"
    try:
        answer = await api.call("GET", f"{V1}/tasks?{parameters}")
    except httpx.HTTPError:
        return {}
    if answer.status_code != 200:
        return {}
    return {one["id"]: one["script"] for one in answer.json()["tasks"] if one["executing"]}


async def until_shown(api: Api, expected: dict[str, str], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while (found := await shown(api)) != expected:
        assert time.monotonic() < deadline, sorted(found.items() ^ expected.items())[:10]
        await asyncio.sleep(0.05)


async def report(api: Api) -> dict[str, Any]:
    """How the last load went, once there was one."""
    async with asyncio.timeout(30):
        while (answer := await api.call("GET", f"{V1}/load")).status_code == 404:
            await asyncio.sleep(0.05)
    found: dict[str, Any] = answer.json()
    return found


async def reloaded(serve: Serve, api: Api) -> dict[str, Any]:
    """SIGHUP, and how the load that followed went."""
    before = (await report(api))["began"]
    serve.send(signal.SIGHUP)
    async with asyncio.timeout(60):
        while (found := await report(api))["began"] == before:
            await asyncio.sleep(0.05)
    return found


@contextlib.asynccontextmanager
async def answering(api: Api) -> AsyncIterator[None]:
    """The API answers quickly all the while."""
    slowest = 0.0

    async def ask() -> None:
        nonlocal slowest
        while True:
            began = time.monotonic()
            assert (await api.call("GET", f"{V1}/ping")).status_code == 204
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    yield
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert slowest < 5.0, slowest


async def test_a_directory_from_start_to_end(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "load")
    directory.put("templates/base.tick", TEMPLATE)
    directory.put("tasks/made.yaml", made(m="cpu"))
    directory.put("tasks/own.tick", script("cpu"))
    directory.put("tasks/broken.tick", "stream|from(")
    async with Serve(tmp_path, environment=directory.environment) as serve, Api(serve) as api:
        assert [one["file"] for one in (await report(api))["complaints"]] == ["tasks/broken.tick"]
        await until_shown(api, {"made": TEMPLATE, "own": script("cpu")})
        (line,) = serve.logged("load directory read")
        assert "loaded=3 unchanged=0 removed=0 refused=1" in line
        assert serve.logged("file refused")[0].count("file=tasks/broken.tick") == 1
        # the window of a task that is left alone lives on
        assert (await api.write("cpu,host=a value=1 1000")).status_code == 204
        await api.until_stats("own", "window2", collected=1)

        directory.put("templates/base.tick", OTHER_TEMPLATE)
        directory.put("tasks/made.yaml", made(n="cpu"))
        directory.put("tasks/new.yml", made(n="mem"))
        directory.take("tasks/broken.tick")
        found = await reloaded(serve, api)
        assert (found["loaded"], found["unchanged"], found["removed"], found["refused"]) == (3, 1, 0, 0)
        assert found["complaints"] == []
        await until_shown(api, directory.tasks())
        await api.until_stats("own", "window2", collected=1)

        directory.put("tasks/new.yml", "{")
        directory.take("tasks/made.yaml")
        found = await reloaded(serve, api)
        assert (found["loaded"], found["removed"], found["refused"]) == (0, 1, 1)
        await until_shown(api, {"own": script("cpu"), "new": OTHER_TEMPLATE})

        away = directory.path.rename(tmp_path / "away")
        found = await reloaded(serve, api)
        assert [one["error"] for one in found["complaints"]] == ["no such file or directory"]
        assert await shown(api) == {"own": script("cpu"), "new": OTHER_TEMPLATE}
        away.rename(directory.path)

        # what was loaded is known to a start with nothing but the log, and what is gone by then goes
        directory.take("tasks/own.tick")
        directory.put("tasks/new.yml", made(n="disk"))
        assert await serve.stop() == 0
        for file in serve.data.glob("gateway/*"):
            file.unlink()
        await serve.start()
        await until_shown(api, {"new": OTHER_TEMPLATE})
        assert (await api.call("GET", f"{V1}/tasks/own")).status_code == 404


async def test_handlers_handle_what_tasks_of_the_same_load_raise(tmp_path: Path) -> None:
    directory, sent = Directory(tmp_path / "load"), tmp_path / "sent.log"
    alert = """|alert().id('{{ index .Tags "host" }}').crit(lambda: TRUE).topic('cpu')"""
    directory.put("tasks/own.tick", f"dbrp \"db\".\"rp\"\nstream|from().measurement('cpu').groupBy('host'){alert}")
    directory.put("handlers/own.yaml", f"topic: cpu\nid: own\nkind: log\noptions: {{path: {sent}}}")

    def ids() -> list[str]:
        return [orjson.loads(line)["id"] for line in sent.read_text().splitlines()] if sent.exists() else []

    async with Serve(tmp_path, environment=directory.environment) as serve, Api(serve) as api:
        await api.until_stats("own", "alert2", collected=0)
        assert (await api.write("cpu,host=a value=1 1000")).status_code == 204
        await eventually(lambda: ids() == ["a"], "the alert is logged")
        directory.take("handlers/own.yaml")
        assert (await reloaded(serve, api))["removed"] == 1
        assert (await api.write("cpu,host=b value=1 1000")).status_code == 204
        # until it is in the topic: a handler has what comes behind its coming
        async with asyncio.timeout(20):
            while (await api.call("GET", f"{V1}/alerts/topics/cpu/events/b")).status_code == 404:
                await asyncio.sleep(0.05)
        directory.put("handlers/own.yaml", f"topic: cpu\nid: own\nkind: log\noptions: {{path: {sent}}}")
        assert (await reloaded(serve, api))["loaded"] == 1
        assert (await api.write("cpu,host=c value=1 1000")).status_code == 204
        await eventually(lambda: ids() == ["a", "c"], "the alert is logged")


async def test_killed_in_the_middle_of_loads(tmp_path: Path) -> None:
    """Whenever the gateway or everything is killed, the directory and the API agree in the end."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    directory = Directory(tmp_path / "load")
    directory.put("templates/base.tick", TEMPLATE)
    for number in range(MANY):
        directory.put(f"tasks/t{number}.tick", script(f"m{number}"))
    async with Serve(tmp_path, environment=directory.environment) as serve, Api(serve) as api:
        async with answering(api):
            await until_shown(api, directory.tasks())
        names = range(MANY)
        for kill_all in (False, True, False, True):
            for number in dice.sample(names, 60):
                directory.put(f"tasks/t{number}.tick", script(f"x{dice.random()}"))
            for number in dice.sample(names, 20):
                with contextlib.suppress(FileNotFoundError):
                    directory.take(f"tasks/t{number}.tick")
            for number in dice.sample(names, 20):
                directory.put(f"tasks/t{number}.yaml", made(m=f"y{number}"))
            for path in (directory.path / "tasks").glob("*.yaml"):
                path.with_suffix(".tick").unlink(missing_ok=True)
            serve.send(signal.SIGHUP)
            await asyncio.sleep(dice.uniform(0.0, 0.6))
            if kill_all:
                await serve.kill()
            # a file that was perhaps loaded is gone before the next load
            for path in dice.sample(sorted((directory.path / "tasks").iterdir()), 10):
                path.unlink()
            if kill_all:
                await serve.start()
            else:
                await serve.kill_service("gateway")
            await until_shown(api, directory.tasks())
        assert not os.listdir(directory.path / "handlers")
