"""Kept states and a log that do not belong together: a backup was put back, or the log alone is an older one.

What was kept of writes that there are no more counts for nobody; what is older than the log is gone on from.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.dryrun.state_history import StateHistory
from tests.crash.looks import V1, ask, finished, lines_of
from tests.crash.processes import ROOT, Api, Serve, Services
from tests.crash.test_log_went_back import delivered, emptied, saved

T0 = 1_700_000_000
SCRIPT = """stream|from().measurement('m').groupBy('host')|stateCount(lambda: TRUE).as('n')
    |alert().id('a').crit(lambda: int("x") % 4 < 2).stateChangesOnly().message('{{ index .Fields "x" }}').topic('t')"""
OFTEN = {"KAPACITOR_ENGINE_HISTORY_EVERY": "1s"}


async def test_on_another_server(tmp_path: Path) -> None:
    """A backup taken while data flows has all that is needed to explain what is in it."""
    file = tmp_path / "all.backup"
    async with Serve(tmp_path / "old", environment=OFTEN) as old, Api(old) as api:
        assert (await api.define("t", SCRIPT)).status_code == 200
        await _written(api, range(1, 21))
        kept = await _states(api, 2, 20)
        flowing = asyncio.create_task(_written(api, range(21, 121)))
        answer = await api.call("GET", f"{V1}/storage/backup", timeout=60)
        assert answer.status_code == 200
        file.write_bytes(answer.content)
        await flowing
    restored = tmp_path / "new" / "data"
    await _command("restore", "--data-dir", str(restored), str(file))
    async with Serve(tmp_path / "new", environment=OFTEN, data=restored) as new, Api(new) as api:
        last = (await api.call("GET", f"{V1}/history")).json()["writes"]["last"]["sequence"]
        await api.until_stats("t", "from1", collected=last)
        there = await _states(api, 2, 20)
        assert [state["position"] for state in there][:2] == [state["position"] for state in kept][:2]
        # these have the places in the log of writes that there are no more
        await _written(api, range(last + 1, last + 41))
        await api.until_stats("t", "from1", collected=last + 40)
        for x in (2, 18, last - last % 2, last + 10 - last % 2, last + 40 - last % 2):
            await _explained(api, x)
        await _traced(api, [*range(1, last + 41)])
        middle = there[1]
        await _traced(api, [*range(middle["position"] + 1, last + 41)], middle["time"])


async def test_beneath_a_worker_that_knows_more(tmp_path: Path) -> None:
    """All of NATS is an older one; states that were kept later are not there any more."""
    async with Services(tmp_path, OFTEN) as services, Api(services) as api:
        names = ("gateway", "alerting", "recorder", "one")
        await services.start(*names)
        assert (await api.define("t", SCRIPT)).status_code == 200
        await _written(api, range(1, 13))
        await _states(api, 2, 12)
        await delivered(services)
        backup = (await api.call("GET", f"{V1}/storage/backup", timeout=60)).content
        await _written(api, range(13, 31))
        await _states(api, 3, 30)
        await saved(services)
        for name in names:
            await services[name].kill()
        await emptied(services)
        async with await Bus.connect(services.nats.url, "test") as bus:
            await bus.restore(io.BytesIO(backup))
        await services.start(*names)
        await _written(api, range(101, 121))
        await api.until_at_least("t", "from1", collected=20)
        await _states(api, 2, 32)
        for x in (4, 12, 102, 118):
            await _explained(api, x)
        await _traced(api, [*range(1, 13), *range(101, 121)])


async def test_states_of_a_log_that_is_no_more(tmp_path: Path) -> None:
    """The log alone is an older one: states and alerts of what was written behind that are there, and mean nothing."""
    async with Services(tmp_path, OFTEN) as services, Api(services) as api:
        await services.start("gateway", "alerting", "recorder", "one")
        assert (await api.define("t", SCRIPT)).status_code == 200
        await _written(api, range(1, 7))
        await api.until_stats("t", "from1", collected=6)
        (stream,) = (tmp_path / "nats" / "jetstream").rglob(f"streams/{WRITES}")
        await asyncio.to_thread(services.nats.stop)
        shutil.copytree(stream, tmp_path / "copy")
        await asyncio.to_thread(services.nats.start)
        await _written(api, range(7, 31))
        await _states(api, 2, 30)
        await saved(services)
        for name in ("recorder", "one"):
            await services[name].kill()
        await asyncio.to_thread(services.nats.stop)
        shutil.rmtree(stream)
        shutil.move(tmp_path / "copy", stream)
        await asyncio.to_thread(services.nats.start)

        # of the same places in the log as what was kept, before anybody has looked
        await _written(api, range(101, 121))
        await services.start("recorder", "one")
        await api.until_at_least("t", "from1", collected=20)
        async with await Bus.connect(services.nats.url, "test") as bus:
            history = await StateHistory.open(bus)
            assert all(point.position <= 6 or point.kept > point.epoch > 0 for point in await history.points("t"))
        for x in (102, 118):
            await _explained(api, x)
        gone = await _why(api, 28)
        assert gone["status"] == 410 and "a log that is no more" in gone["error"], gone
        await _traced(api, [*range(1, 7), *range(101, 121)])


async def _written(api: Api, numbers: range) -> None:
    for x in numbers:
        async with asyncio.timeout(60):
            while (await api.write(_line(x), key=f"x{x}", precision="ns")).status_code != 204:
                await asyncio.sleep(0.05)


def _line(x: int) -> str:
    return f"m,host=a x={x} {(T0 + x) * 10**9}"


async def _states(api: Api, least: int, reach: int) -> list[dict[str, Any]]:
    """Wait until so many states are kept, and the last stands for what the log has up to a place; gives them."""
    async with asyncio.timeout(60):
        while True:
            tasks = (await api.call("GET", f"{V1}/history?task=t")).json()["tasks"]
            points: list[dict[str, Any]] = tasks[0]["points"] if tasks else []
            if len(points) >= least and points[-1]["until"] >= reach:
                return points
            await asyncio.sleep(0.1)


async def _why(api: Api, x: int) -> dict[str, Any]:
    """Why the level changed by the point x at the latest."""
    path = f"{V1}/alerts/topics/t/events/a/why?at={(T0 + x) * 10**9}"
    answer = await api.call("GET", path, timeout=60)
    return {"status": answer.status_code, **answer.json()}


async def _explained(api: Api, x: int) -> None:
    """x: even, so that its point has changed the level."""
    found = await _why(api, x)
    assert found["status"] == 200 and found["agrees"] and found["event"]["message"] == str(x), (x, found)
    assert found["cause"]["line"] == _line(x), (x, found)


async def _traced(api: Api, expected: list[int], start: str | None = None) -> None:
    """What has gone through the task from a time on, with its count in one piece."""
    job = await ask(api, "trace", task="t", start=start or 0, node="state_count2")
    shown = await finished(api, job)
    out = [line["fields"] for line in await lines_of(api, job) if line["kind"] == "out"]
    assert [fields["x"] for fields in out] == expected, shown
    assert {int(fields["n"]) - at for at, fields in enumerate(out)} == {1 if start is None else int(out[0]["n"])}


async def _command(*arguments: str) -> None:
    command = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.cli", *arguments, cwd=ROOT)
    assert await command.wait() == 0
