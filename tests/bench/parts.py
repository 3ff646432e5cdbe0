"""CPU time a point of each worker: one task whole and in parts, and many tasks beside each other.

    python -m tests.bench.parts [--points 500000] [--hosts 1000] [-c whole,parts,apart1,apart4]

Each case is on a `tickbus serve` of its own. whole, parts: a window and mean over so many hosts, on one worker, and in
two parts on two. apart1, apart4: 64 tasks with a measurement each, on one worker and on four, each body of one
measurement; mixed1, mixed4: all measurements in each body. So many points (where there are 64 tasks: rounded up to
whole bodies for each) come before those that count, so that series are known and code is warm.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.client import define
from tests.bench.throughput import through, write
from tests.bench.workloads import WORKLOADS, bodies
from tests.crash.processes import Serve

_TASKS = 64
_BEGIN = 1_700_000_000
_SPREAD, _LIMIT = 8.0, 240.0  # seconds
_OF_ONE = "stream|from().measurement('NAME').groupBy('host')|window().period(10s).every(10s)|mean('a')|httpOut('o')"
# as tickbus serves by default: tests of crashes have shorter times
_SETTINGS = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s",
    "KAPACITOR_ENGINE_LEASE_TTL": "3s",
    "KAPACITOR_ENGINE_HEARTBEAT": "1s",
}
_CASES = {"whole": 1, "parts": 2, "apart1": 1, "apart4": 4, "mixed1": 1, "mixed4": 4}


async def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-c", "--cases", default=",".join(_CASES))
    p.add_argument("--points", type=int, default=500_000)
    p.add_argument("--hosts", type=int, default=1000)
    p.add_argument("--body", type=int, default=5000)
    p.add_argument("--hold", type=float, default=0.0, help="seconds to wait before the points that count")
    a = p.parse_args()
    for case in a.cases.split(","):
        await _case(case, a)


async def _case(case: str, a: argparse.Namespace) -> None:
    points = a.points
    if case in ("whole", "parts"):
        scripts = {"heavy": WORKLOADS["window"][0]}
        data = bodies("window", 2 * points, a.body, a.hosts)
    else:
        scripts = {f"t{number}": _OF_ONE.replace("NAME", f"m{number}") for number in range(_TASKS)}
        points = math.ceil(points / (_TASKS * a.body)) * _TASKS * a.body  # as many for each of them
        data = list(_of_many(2 * points, a.body, apart=case.startswith("apart")))
    settings, half = dict(_SETTINGS), len(data) // 2
    with tempfile.TemporaryDirectory(prefix="tickbus-parts-") as directory:
        if case == "parts":
            config = Path(directory) / "parts.toml"
            config.write_text("[engine.split]\nheavy = 2\n")
            settings["KAPACITOR_CONFIG_PATH"] = str(config)
        async with Serve(Path(directory), _CASES[case], settings) as server:
            for task, script in scripts.items():
                await asyncio.to_thread(define, server.url, task, script)
            await asyncio.sleep(_SPREAD)
            await asyncio.to_thread(_play, server.url, data[:half], list(scripts), points)
            if a.hold:
                print(json.dumps({name: service["pid"] for name, service in server.services().items()}), flush=True)
                await asyncio.sleep(a.hold)
            before = _cpu(server)
            await asyncio.to_thread(_play, server.url, data[half:], list(scripts), 2 * points)
            spent = {name: (used - before[name]) / points * 1e6 for name, used in _cpu(server).items()}
    workers = [us for name, us in spent.items() if name.startswith("engine")]
    figures = {"all_workers": sum(workers), "busiest_worker": max(workers)}
    rounded = {name: round(us, 2) for name, us in (spent | figures).items()}
    print(json.dumps({"case": case, "cpu_us": rounded}), flush=True)


def _play(url: str, data: list[bytes], tasks: list[str], total: int) -> None:
    """Write it, and wait until all that was written so far is through."""
    write(url, data, 2)
    begun = time.monotonic()
    while not all(through(url, task, total // len(tasks)) for task in tasks[:: max(len(tasks) - 1, 1)]):
        if time.monotonic() - begun > _LIMIT:
            raise SystemExit("timed out")
        time.sleep(0.1)


def _of_many(points: int, per_body: int, apart: bool) -> Iterator[bytes]:
    """Bodies of lines of so many measurements; each of one of them, or all mixed."""
    i = 0
    for number in range(points // per_body):
        lines = []
        for k in range(per_body):
            m = number % _TASKS if apart else i % _TASKS
            at = number // _TASKS * per_body + k if apart else i // _TASKS
            fields = f"a={i % 1000 / 1000:.3f},b={i}i,c={i % 777 / 7:.2f},d={i % 99 / 3:.3f},e={i % 9999 / 11:.3f}"
            tags = f"dc=eu-west-{at % 3},host=server{at % 100:03d}"
            lines.append(f"m{m},{tags} {fields} {_BEGIN + at // 100}000000000")
            i += 1
        yield "\n".join(lines).encode()


def _cpu(server: Serve) -> dict[str, float]:
    pids = {"serve": server.pid} | {name: service["pid"] for name, service in server.services().items()}
    return {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in pids.items()}


if __name__ == "__main__":
    asyncio.run(main())
