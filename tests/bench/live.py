"""What it costs the gateway that viewers look on live: CPU time with none and with some, while tasks are idle and busy.

    python -m tests.bench.live [--tasks 1000] [--viewers 20] [--seconds 20]

It starts a `tickbus serve` of its own. Each viewer takes overview, tasks, alerts, changes and the nodes of one task.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from pathlib import Path

import httpx
import psutil

from tests.crash.load import define_quickly
from tests.crash.processes import Serve

_SCRIPT = (
    "stream|from().measurement('m%d').groupBy('host')|window().period(10s).every(10s)|mean('value')"
    '|alert().id(\'{{ index .Tags "host" }}\').crit(lambda: "mean" > 1.0).stateChangesOnly()'
)
# as tickbus serves by default: tests of crashes have shorter times
_SETTINGS = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s",
    "KAPACITOR_ENGINE_LEASE_TTL": "10s",
    "KAPACITOR_ENGINE_HEARTBEAT": "2s",
}
_QUERY = "kinds=overview,tasks,alerts,changes,node-stats&task=task00000"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tasks", type=int, default=1000)
    p.add_argument("--viewers", type=int, default=20)
    p.add_argument("--seconds", type=float, default=20.0)
    a = p.parse_args()
    asyncio.run(_measure(a.tasks, a.viewers, a.seconds))


async def _measure(tasks: int, viewers: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="tickbus-live-") as directory:
        async with Serve(Path(directory), 1, _SETTINGS) as server:
            await define_quickly(server, {f"task{number:05d}": _SCRIPT % number for number in range(tasks)})
            await asyncio.sleep(20)  # what a start costs is over
            for busy in (False, True):
                writing = asyncio.create_task(_write(server.url, tasks)) if busy else None
                await asyncio.sleep(3)
                for count in (0, 1, viewers):
                    print(json.dumps({"busy": busy, "viewers": count, **await _look(server, count, seconds)}))
                if writing is not None:
                    if writing.done():
                        writing.result()
                    writing.cancel()


async def _look(server: Serve, viewers: int, seconds: float) -> dict[str, object]:
    """Shares of a core that processes take, in percent, and what a viewer gets."""
    counts = {"bytes": 0, "events": 0}
    watching = [asyncio.create_task(_watch(server.url, counts)) for _ in range(viewers)]
    await asyncio.sleep(4)  # the first lists of all tasks are over
    counts |= dict.fromkeys(counts, 0)
    before = _cpu(server)
    await asyncio.sleep(seconds)
    spent = {name: round((cpu - before[name]) / seconds * 100, 2) for name, cpu in _cpu(server).items()}
    each = {f"{what}_per_s": round(count / max(viewers, 1) / seconds, 1) for what, count in counts.items()}
    for task in watching:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return {"cpu_percent": spent, **each}


async def _watch(url: str, counts: dict[str, int]) -> None:
    async with (
        httpx.AsyncClient(timeout=60.0) as client,
        client.stream("GET", f"{url}/kapacitor/v1/live?{_QUERY}") as answer,
    ):
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            counts["bytes"] += len(piece)
            counts["events"] += piece.count(b"event: ")


async def _write(url: str, tasks: int) -> None:
    """Each second a point for half of the tasks, others each time: the rate of each task is always another."""
    async with httpx.AsyncClient(timeout=60.0) as client:
        while True:
            numbers = random.sample(range(tasks), tasks // 2)
            body = "\n".join(f"m{number},host=a value=0.5" for number in numbers)
            answer = await client.post(f"{url}/kapacitor/v1/write?db=db&rp=rp", content=body)
            answer.raise_for_status()
            await asyncio.sleep(1)


def _cpu(server: Serve) -> dict[str, float]:
    """CPU time, seconds."""
    found = {}
    for name, service in server.services().items():
        times = psutil.Process(service["pid"]).cpu_times()
        found[name] = times.user + times.system
    return found


if __name__ == "__main__":
    main()
