"""The past of tasks outlives the workers that kept it: killed, taken over, and thinned out while data flows."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from services.bus.connection import Bus
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.dryrun.log_reader import read
from services.dryrun.state_history import StateHistory
from services.engine.states.history.records import KeptPoint
from services.runtime.effects import Alerts
from tests.crash.processes import ROOT, Api, Services
from tests.support.history import going_on

SCRIPT = """stream|from().measurement('m').groupBy('host')|stateCount(lambda: TRUE).as('n')
    |alert().crit(lambda: "n" % 5 == 0).stateChangesOnly().topic('t')|httpOut('out')"""
HOSTS = 50
OFTEN = {"KAPACITOR_ENGINE_HISTORY_EVERY": "1s", "KAPACITOR_ENGINE_HISTORY_BYTES": "150000"}


async def test_the_past_outlives_workers(tmp_path: Path) -> None:
    async with Services(tmp_path, OFTEN) as services, Api(services) as api:
        await services.start("gateway", "alerting", "recorder", "w1")
        for id in ("one", "other"):
            assert (await api.define(id, SCRIPT)).status_code == 200
        async with await Bus.connect(services.nats.url, "test") as bus:
            history = await StateHistory.open(bus)
            await _write_until(api, history, "one", lambda points: len(points) >= 4)
            before = await history.points("one")
            await services["w1"].kill()

            # the worker is dead, and what it kept is there: from a state in the middle to the end of the log
            kept = await history.nearest("one", before[2].position)
            assert kept is not None and kept.position == before[2].position and kept.definition.script == SCRIPT
            last = WritesSeq(await bus.last_sequence(WRITES))
            messages = [m async for part in read(bus, [("db", "rp")], kept.position, last) for m in part]
            levels = [effect.level for effect in await going_on(kept, messages) if isinstance(effect, Alerts)]
            assert sum(map(len, levels)) > 0

            # another worker goes on with the same history
            await services.start("w2")
            points = await _write_until(
                api, history, "one", lambda points: len({p.mark for p in points}) > 1 and points[-1] != before[-1]
            )
            assert {point.run for point in points} == {before[0].run}

            # what is shown is what lies there; all that is written is held to the bound
            told = (await api.call("GET", "/kapacitor/v1/history")).json()
            assert [task["id"] for task in told["tasks"]] == ["one", "other"]
            printed = await _printed("history", "one", "--url", services.url)
            assert re.search(r"begin|due", printed)
            deadline = time.monotonic() + 60
            while (await history.size()) < 100_000:
                assert time.monotonic() < deadline
                await api.write(_lines())
                await asyncio.sleep(0.2)
            await _until(history, "one", lambda points: len(points) >= 2)
            assert await history.size() < 400_000
            metrics = (await httpx.AsyncClient().get(f"{services.url}/metrics")).text
            assert re.search(r'tickbus_history_states\{worker="w2"\} [1-9]', metrics)

            # a deleted task can still be explained as long as the log has it
            assert (await api.call("DELETE", "/kapacitor/v1/tasks/one")).status_code == 204
            points = await _until(history, "one", lambda points: points[-1].why == "end")
            kept = await history.nearest("one", points[0].position)
            assert kept is not None and kept.definition.script == SCRIPT
            await bus.purge(WRITES, "tickbus.write.>", await bus.last_sequence(WRITES))
            await api.write(_lines())
            await _until(history, "one", lambda points: not points)
            assert await history.points("other")
            assert not services["w2"].logged("lvl=error")


def _lines() -> str:
    now = time.time_ns() // 1_000_000
    return "\n".join(f"m,host=h{host} x=1 {now}" for host in range(HOSTS))


async def _write_until(
    api: Api, history: StateHistory, task: str, condition: Callable[[list[KeptPoint]], bool]
) -> list[KeptPoint]:
    deadline = time.monotonic() + 60
    while not condition(points := await history.points(task)):
        assert time.monotonic() < deadline, points
        await api.write(_lines())
        await asyncio.sleep(0.2)
    return points


async def _until(history: StateHistory, task: str, condition: Callable[[list[KeptPoint]], bool]) -> list[KeptPoint]:
    deadline = time.monotonic() + 90
    while not condition(points := await history.points(task)):
        assert time.monotonic() < deadline, points
        await asyncio.sleep(0.1)
    return points


async def _printed(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()
