"""What looks at the past cost a point, beside the live task: a server of its own, and CPU time by process.

    python -m tests.bench.looking_back [--points 200000] [--hosts 100] [window alert …]

Of each workload the points are written and go through the task, then through a backtest of it, a trace of 1,000 lines,
a recording of the past and its replay without side effects. Told are microseconds of CPU a point: of all processes
(`live`), of the worker alone (`engine`), of the recorder (`backtest` …), with NATS's part behind a plus, and how many
points a second that is on one core. A backtest is done twice: the first one of a recorder loads what was compiled,
which is half a second however many points there are.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from grammar.golang.times import format_rfc3339
from tests.bench.workloads import WORKLOADS, bodies
from tests.crash.looks import V1, finished
from tests.crash.processes import Api, Serve

_PER_BODY = 5000
_WITHIN = 600.0  # seconds


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("workloads", nargs="*", default=["window", "alert"])
    p.add_argument("--points", type=int, default=200_000)
    p.add_argument("--hosts", type=int, default=100)
    a = p.parse_args()
    asyncio.run(_measure(a.workloads, a.points, a.hosts))


async def _measure(workloads: list[str], points: int, hosts: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tickbus-looking-back-") as directory:
        async with Serve(Path(directory)) as serve, Api(serve) as api:
            for name in workloads:
                lines = bodies(name, points, _PER_BODY, hosts)
                for figure in await _workload(serve, api, name, lines, points):
                    print(figure, flush=True)


async def _workload(serve: Serve, api: Api, name: str, lines: list[bytes], points: int) -> list[str]:
    answer = await api.define(name, WORKLOADS[name][0])
    assert answer.status_code == 200, answer.text
    began, before = time.time_ns(), _processor_seconds(serve)
    for body in lines:
        assert (await api.write(body, precision="ns")).status_code == 204
    await api.until_stats(name, "from1", _WITHIN, collected=points)
    spent = _since(serve, before)
    span = {"start": began, "stop": time.time_ns()}
    whole = sum(spent.values())
    figures = [_told(name, "live", whole, 0.0, points), _told(name, "engine", _of(spent, "engine"), 0.0, points)]
    recording = {"id": name, "task": name, "start": format_rfc3339(began)}
    replay = {"id": name, "task": name, "recording": name, "recording-time": True, "side-effects": False}
    for what, path, asked in (
        ("backtest", "backtests", {"id": name, "task": name, **span}),
        ("again", "backtests", {"id": f"{name}-again", "task": name, **span}),
        ("trace", "traces", {"id": name, "task": name, "limit": 1000, **span}),
        ("recording", "recordings/stream", recording),
        ("replay", "replays", replay),
    ):
        before = _processor_seconds(serve)
        answer = await api.call("POST", f"{V1}/{path}", json=asked)
        assert answer.status_code == 201, answer.text
        await finished(api, f"{path.partition('/')[0]}/{asked['id']}", _WITHIN)
        spent = _since(serve, before)
        figures.append(_told(name, what, _of(spent, "recorder"), _of(spent, "nats"), points))
    assert (await api.call("DELETE", f"{V1}/tasks/{name}")).status_code == 204
    return figures


def _told(name: str, what: str, seconds: float, nats: float, points: int) -> str:
    each = seconds / points * 1e6
    beside = f" + {nats / points * 1e6:.2f}" if nats else ""
    return f"{name:10} {what:10} {each:6.2f}{beside} us a point, {points / seconds:,.0f} points/s on a core"


def _processor_seconds(serve: Serve) -> dict[str, float]:
    """Of each service, with what it has started."""
    return {name: _taken(service["pid"]) for name, service in serve.services().items()}


def _taken(pid: int) -> float:
    times: Any = psutil.Process(pid).cpu_times()
    return float(sum(times[:4]))


def _since(serve: Serve, before: dict[str, float]) -> dict[str, float]:
    return {name: seconds - before.get(name, 0.0) for name, seconds in _processor_seconds(serve).items()}


def _of(spent: dict[str, float], service: str) -> float:
    """Of all services of a kind."""
    return sum(seconds for name, seconds in spent.items() if name.startswith(service))


if __name__ == "__main__":
    main()
