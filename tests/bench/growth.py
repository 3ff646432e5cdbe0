"""What EVENTS grows by: starts of a task that remembers many alerts, and tasks that come and go. What memory grows by:
series that a task has, and series that come and go.

python -m tests.bench.growth [--ids 20000] [--starts 3] [--cycles 1000] [--compact-every 3s] [--series 40000,200000]
    [--churn 1000000] [--of window]

It starts a `tickbus serve` of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from services.bus.connection import Bus
from services.gateway.clients.engine import EngineClient
from tests.crash.processes import Api, Serve

_ALERT = """stream|from().measurement('m').groupBy('host')
    |alert().id('{{ index .Tags "host" }}').details('').crit(lambda: "v" > 1).stateChangesOnly().topic('named')
"""
_PLAIN = (
    "stream|from().measurement('other')|window().period(10s).every(10s)|mean('v')|alert().crit(lambda: \"mean\" > 1)"
)
_SERIES = {
    "none": "stream|from().measurement('other')",
    "window": "stream|from().measurement('s').groupBy('host')|window().period(10s).every(10s)|mean('v')|httpOut('o')",
    "eval": """stream|from().measurement('s').groupBy('host')|eval(lambda: "v" * 2.0).as('d')""",
    "alert": """stream|from().measurement('s').groupBy('host')|alert().crit(lambda: "v" > 5.0).topic('series')""",
}
_ALIVE, _IDLE, _PAUSE = 10_000, "2s", 0.25
_BODY = 5000
_BEGIN_MS = 1_700_000_000_000
_SETTLED = 12.0  # seconds until what is needed for moments only is given back, by NATS too


async def _starts(api: Api, bus: Bus, ids: int, starts: int) -> dict[str, Any]:
    """A task with so many alerts that are not OK is disabled and enabled so many times."""
    assert (await api.define("many", _ALERT)).status_code == 200
    for first in range(0, ids, _BODY):
        lines = "\n".join(f"m,host=h{i} v=2 {1_700_000_000_000 + i}" for i in range(first, min(first + _BODY, ids)))
        assert (await api.write(lines)).status_code == 204
    await api.until_stats("many", "alert2", 120, alerts_triggered=ids)
    before = (await bus.stream_state("EVENTS")).bytes
    took = []
    for _ in range(starts):
        await api.call("PATCH", "/kapacitor/v1/tasks/many", json={"status": "disabled"})
        began = time.monotonic()
        answer = await api.call("PATCH", "/kapacitor/v1/tasks/many", json={"status": "enabled"})
        took.append(round(time.monotonic() - began, 2))
        if answer.status_code != 200:
            return {"ids": ids, "error": answer.text}
    grown = (await bus.stream_state("EVENTS")).bytes - before
    return {"ids": ids, "starts": starts, "bytes_a_start": grown // starts, "seconds": took}


async def _cycles(api: Api, bus: Bus, cycles: int, compacted: bool) -> dict[str, Any]:
    """So many tasks are defined, run, and are deleted; compacted: what is left when nothing more goes."""
    before = await bus.stream_state("EVENTS")
    began = time.monotonic()
    for i in range(cycles):
        assert (await api.define(f"t{i}", _PLAIN)).status_code == 200
        assert (await api.call("DELETE", f"/kapacitor/v1/tasks/t{i}")).status_code == 204
    seconds = round(time.monotonic() - began, 1)
    while compacted and await bus.subjects_of("EVENTS", "tickbus.event.*.t0.*"):
        await asyncio.sleep(1)
    after = await bus.stream_state("EVENTS")
    return {
        "cycles": cycles,
        "seconds": seconds,
        "bytes": after.bytes - before.bytes,
        "messages": after.messages - before.messages,
    }


async def _series(api: Api, bus: Bus, serve: Serve, of: str, counts: list[int]) -> None:
    """So many series, four a group, come to a task, each with one point; what each process then holds more than before
    the first of them, for each."""
    assert (await api.define("series", _SERIES[of])).status_code == 200
    before = _resident(serve)
    written = 0
    for count in counts:
        while written < count:
            to = min(written + _BODY, count)
            lines = "\n".join(
                f"s,cpu=cpu{i % 4},dc=eu-west-{i % 3},host=server{i // 4:06d} v=1 {_BEGIN_MS + i}"
                for i in range(written, to)
            )
            assert (await api.write(lines)).status_code == 204
            written = to
        await _taken(bus, count)
        await asyncio.sleep(_SETTLED)
        grown = {name: round((rss - before[name]) / count) for name, rss in _resident(serve).items()}
        print(json.dumps({"series": count, "bytes_a_series": grown}), flush=True)


async def _churn(api: Api, bus: Bus, serve: Serve, of: str, total: int) -> None:
    """So many series come to a task and go again, 10,000 of them being there at a time, each for a second; what each
    process holds more than before the first, MB. Groups end two seconds behind their last point."""
    assert (await api.define("series", _SERIES[of])).status_code == 200
    before = _resident(serve)
    shown = points = 0
    for written in range(0, total, _BODY // 2):
        there = range(max(0, written - _ALIVE), written + _BODY // 2)
        lines = "\n".join(
            f"s,cpu=cpu{i % 4},dc=eu-west-{i % 3},host=server{i:07d} v=1 {_BEGIN_MS + written}" for i in there
        )
        assert (await api.write(lines)).status_code == 204
        points += len(there)
        await asyncio.sleep(_PAUSE)
        if written >= shown:
            shown += total // 10
            await _taken(bus, points)
            grown = {name: round((rss - before[name]) / 2**20) for name, rss in _resident(serve).items()}
            print(json.dumps({"of": of, "series": written, "mb": grown}), flush=True)


async def _taken(bus: Bus, points: int) -> None:
    """Wait until the engine has taken so many."""
    engine = EngineClient(bus)
    async with asyncio.timeout(240):
        while sum(count for worker in await engine.figures(1) for *_, count in worker["points"]) < points:
            await asyncio.sleep(0.3)


def _resident(serve: Serve) -> dict[str, int]:
    return {name: psutil.Process(service["pid"]).memory_info().rss for name, service in serve.services().items()}


async def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ids", type=int, default=20_000)
    p.add_argument("--starts", type=int, default=3)
    p.add_argument("--cycles", type=int, default=1000)
    p.add_argument("--compact-every", default="0s")
    p.add_argument("--series", default="", help="numbers of them, ascending")
    p.add_argument("--churn", type=int, default=0, help="how many series come and go")
    p.add_argument("--of", default="window", choices=_SERIES, help="the task that they come to")
    a = p.parse_args()
    environment = {"KAPACITOR_NATS_COMPACT_EVERY": a.compact_every}
    if a.churn:
        environment["KAPACITOR_ENGINE_GROUP_IDLE_AGE"] = _IDLE
    with tempfile.TemporaryDirectory() as directory:
        async with (
            Serve(Path(directory), environment=environment) as serve,
            Api(serve) as api,
            await Bus.connect(serve.state()["nats"], "bench") as bus,
        ):
            if a.series:
                await _series(api, bus, serve, a.of, [int(count) for count in a.series.split(",")])
            if a.churn:
                await _churn(api, bus, serve, a.of, a.churn)
            if a.starts:
                print(json.dumps(await _starts(api, bus, a.ids, a.starts)), flush=True)
            if a.cycles:
                print(json.dumps(await _cycles(api, bus, a.cycles, a.compact_every != "0s")), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
