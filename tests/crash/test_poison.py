"""What hangs a service, kills it, or cannot be read, costs what it is part of, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from pathlib import Path
from typing import Any

from services.bus.buckets.suspects import TRIES
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api, Serve, eventually

LIMITED = {"KAPACITOR_ENGINE_STEP_LIMIT": "1s"}

# takes a dozen seconds for these
FORECAST = """
stream
    |from().measurement('slow')
    |window().periodCount(200).everyCount(200)
    |holtWinters('v', 10, 40, 1s)
    |httpOut('out')
"""


async def test_a_task_that_does_not_get_on(tmp_path: Path) -> None:
    """It fails with the reason, at the cost of one restart; other tasks lose nothing, and it can be deleted."""
    async with Serve(tmp_path, environment=LIMITED) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        assert (await api.define("slow", FORECAST)).status_code == 200
        load = Load(api)
        async with load.running():
            await load.more(30)
            before = serve.services()["engine-0"]
            assert (await api.write(_slow())).status_code == 204
            task = await _failed(api, "slow")
            assert "step-limit" in task["error"] and not task["executing"]
            await load.more(50)
            assert (await api.call("DELETE", "/kapacitor/v1/tasks/slow")).status_code == 204
        await check_both(load, sink)
        after = serve.services()["engine-0"]
        assert after["restarts"] == before["restarts"] + 1
        assert serve.logged("the process before did not get on")


async def test_a_task_that_workers_die_in(tmp_path: Path) -> None:
    """Killed twice in its step it goes on, at the third time in a row it fails, as would one that takes all memory."""
    unlimited = {"KAPACITOR_ENGINE_STEP_LIMIT": "0s"}
    async with Serve(tmp_path, environment=unlimited) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        assert (await api.define("slow", FORECAST)).status_code == 200
        load = Load(api)
        async with load.running():
            await load.more(30)
            assert (await api.write(_slow())).status_code == 204
            # a kill that comes when the step has just ended is none in a row
            for kills in range(1, 2 * TRIES):
                await eventually(lambda: _is_at(serve, "slow"), "the worker is in the step")
                assert not (await api.task("slow"))["error"]
                await serve.kill_service("engine-0")
                await eventually(lambda: not _is_at(serve, "slow"), "the next worker has read the note")
                if kills >= TRIES:
                    with contextlib.suppress(AssertionError):
                        task = await _failed(api, "slow", 20)
                        break
            else:
                raise AssertionError("it does not fail however often its worker is killed")
            assert "died" in task["error"] and not task["executing"]
            await load.more(50)
        await check_both(load, sink)


async def test_a_task_that_is_deleted_while_it_does_not_get_on(tmp_path: Path) -> None:
    """It is gone, and what it left is not tried again; its name can be used anew."""
    async with Serve(tmp_path, environment=LIMITED) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        assert (await api.define("slow", FORECAST)).status_code == 200
        load = Load(api)
        async with load.running():
            assert (await api.write(_slow())).status_code == 204
            await eventually(lambda: _is_at(serve, "slow"), "the worker is in the step")
            assert (await api.call("DELETE", "/kapacitor/v1/tasks/slow")).status_code == 204
            assert (await api.define("slow", "stream|from().measurement('slow')")).status_code == 200
            await load.more(50)
            assert (await api.task("slow"))["executing"]
        await check_both(load, sink)
        assert serve.services()["engine-0"]["restarts"] == 1


async def test_a_task_that_is_far_behind_ends_soon(tmp_path: Path) -> None:
    """One that is disabled after the time that it has for what was written before, one that is deleted at once."""
    one_by_one = {"KAPACITOR_ENGINE_MAX_BATCH_MESSAGES": "1", "KAPACITOR_ENGINE_DRAIN_LIMIT": "2s"}
    async with Serve(tmp_path, environment=one_by_one) as serve, Api(serve) as api:
        await _behind(serve, api, "disabled")
        answer = await api.call("PATCH", "/kapacitor/v1/tasks/disabled", json={"status": "disabled"})
        assert answer.status_code == 200
        await _ended_early(serve, "disabled")
        await _behind(serve, api, "deleted")
        assert (await api.call("DELETE", "/kapacitor/v1/tasks/deleted")).status_code == 204
        await _ended_early(serve, "deleted")
        assert (await api.define("deleted", "stream|from()")).json()["executing"]


async def _behind(serve: Serve, api: Api, id: str) -> None:
    """A task that has a minute's work before it, a second for each message."""
    slow = FORECAST.replace("200", "50").replace("40", "12")
    assert (await api.define(id, slow, rp=id)).status_code == 200
    for body in range(60):
        points = "\n".join(f"slow v={(n * 7919) % 101 + 1} {(50 * body + n) * 1000}" for n in range(50))
        assert (await api.write(points, rp=id)).status_code == 204
    await eventually(lambda: _is_at(serve, id), "the worker is in the step")


async def _ended_early(serve: Serve, id: str) -> None:
    text = "a task ends before what was written until then"
    await eventually(lambda: any(f"task={id}" in line for line in serve.logged(text)), f"{id} ends", 30.0)


def _is_at(serve: Serve, id: str) -> bool:
    """Whether the worker is at a step of the task, by the note that it keeps."""
    note = (serve.data / "engine" / "engine-0" / "at-0").read_bytes()
    return note[0] == 1 and f'"{id}"'.encode() in note


def _slow() -> str:
    """What FORECAST does not come to an end with in time."""
    some = random.Random(1)
    return "\n".join(f"slow v={1 + some.random()} {n * 1000}" for n in range(200))


async def _failed(api: Api, id: str, timeout: float = 60.0) -> Any:
    """Wait until a task has failed, and give it."""
    deadline = time.monotonic() + timeout
    while not (task := await api.task(id))["error"]:
        assert time.monotonic() < deadline, f"{id} does not fail"
        await asyncio.sleep(0.1)
    return task
