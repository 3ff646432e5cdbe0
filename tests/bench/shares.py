"""CPU time a point by process, NATS's share of it, and memory, after each of some workloads; and what their tasks cost.

    python -m tests.bench.shares [-w none,window,texts] [--points 500000] [--kapacitor /usr/bin/kapacitord]

It starts a `tickbus serve` of its own, and a Kapacitor beside it where it is told of one, which then plays each
workload in turn. Tasks are defined over HTTP before the clock runs, and nothing is written before what that sets off
has come to rest. CPU times depend less on what else the machine does than points per second do; where memory lies in
several processes (code of libraries), RSS counts it for each, PSS once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.bench.client import request
from tests.bench.throughput import define_all, delete_all, drive
from tests.bench.workloads import bodies
from tests.crash.processes import Serve
from tests.support.ports import free_port

# as tickbus serves by default: tests of crashes have shorter times
_SETTINGS = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s",
    "KAPACITOR_ENGINE_LEASE_TTL": "5s",
    "KAPACITOR_ENGINE_HEARTBEAT": "1s",
    "KAPACITOR_ALERT_LEASE_TTL": "5s",
    "KAPACITOR_ALERT_HEARTBEAT": "1s",
}
_REST_CPU, _REST_SECONDS = 0.05, 90.0  # of a second, and how long that may take
_KAPACITOR = """
data_dir = "{data}"
skip-config-overrides = true
http = {{ bind-address = "127.0.0.1:{port}", log-enabled = false }}
logging = {{ file = "/dev/null", level = "ERROR" }}
storage = {{ boltdb = "{data}/kapacitor.db" }}
replay = {{ dir = "{data}/replay" }}
task = {{ dir = "{data}/tasks", snapshot-interval = "60s" }}
load = {{ enabled = false }}
influxdb = [{{ enabled = false, name = "x", default = true }}]
stats = {{ enabled = false }}
reporting = {{ enabled = false }}
"""


class Used(NamedTuple):
    """What a process has used so far. cpu: seconds. rss, pss: bytes, now."""

    cpu: float
    rss: int
    pss: int


Using = Callable[[], dict[str, Used]]
"""Gives that by name of the process."""


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-w", "--workloads", default="none,window,eval,alert,state,texts,mixed")
    p.add_argument("--points", type=int, default=500_000)
    p.add_argument("--body", type=int, default=5000)
    p.add_argument("--conns", type=int, default=2)
    p.add_argument("--hosts", type=int, default=100)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--kapacitor", type=Path, help="the program")
    p.add_argument("--kapacitor-points", type=int, default=0, help="as many as --points, if not told")
    asyncio.run(_measure(p.parse_args()))


async def _measure(a: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="tickbus-shares-") as directory, contextlib.ExitStack() as stack:
        async with Serve(Path(directory), a.workers, _SETTINGS) as server:
            servers: list[tuple[str, str, Using, int]] = [("tickbus", server.url, lambda: _used(server), a.points)]
            if a.kapacitor is not None:
                url, process = stack.enter_context(_kapacitor(a.kapacitor, Path(directory)))
                using = {"kapacitord": process}
                points = a.kapacitor_points or a.points
                servers.append(("kapacitor", url, lambda: {n: _used_by(p) for n, p in using.items()}, points))
            _say(idle=_memory(_used(server)))
            for workload in a.workloads.split(","):
                for _ in range(a.rounds):
                    for name, url, used, points in servers:
                        found = await asyncio.to_thread(_play, url, used, workload, points, a)
                        _say(server=name, workload=workload, **found)


def _play(url: str, using: Using, workload: str, points: int, a: argparse.Namespace) -> dict[str, Any]:
    data = bodies(workload, points, a.body, a.hosts)
    _rest(using)
    before = using()
    tasks = define_all(url, workload)
    defined = using()
    _rest(using)
    ready = using()
    rate = drive(url, workload, data, points, a.conns)
    after = using()
    delete_all(url, tasks)
    return {
        "points_per_s": round(rate),
        **_shares(ready, after, points),
        "task_cpu_ms": _by_process(before, defined, len(tasks) / 1e3),
        "task_cpu_ms_later": _by_process(defined, ready, len(tasks) / 1e3),
        **_memory(after),
    }


def _rest(using: Using) -> None:
    """Wait until next to nothing is done for a second."""
    until = time.monotonic() + _REST_SECONDS
    while time.monotonic() < until:
        before = sum(one.cpu for one in using().values())
        time.sleep(1.0)
        if sum(one.cpu for one in using().values()) - before < _REST_CPU:
            return


def _used(server: Serve) -> dict[str, Used]:
    """By name of the process, the launcher's own among them."""
    pids = {"serve": server.pid} | {name: service["pid"] for name, service in server.services().items()}
    return {name: _used_by(psutil.Process(pid)) for name, pid in pids.items()}


def _used_by(process: psutil.Process) -> Used:
    with process.oneshot():
        times, memory = process.cpu_times(), process.memory_full_info()
    return Used(times.user + times.system, memory.rss, getattr(memory, "pss", memory.rss))


def _shares(before: dict[str, Used], after: dict[str, Used], points: int) -> dict[str, Any]:
    spent = _by_process(before, after, points / 1e6)
    return {
        "cpu_us": spent,
        "cpu_us_sum": round(sum(spent.values()), 2),
        "nats_share": round(spent.get("nats", 0.0) / max(sum(spent.values()), 1e-9), 2),
    }


def _by_process(before: dict[str, Used], after: dict[str, Used], divisor: float) -> dict[str, float]:
    """CPU seconds by name, over the divisor where that is none of 0."""
    return {name: round((used.cpu - before[name].cpu) / (divisor or 1.0), 2) for name, used in after.items()}


def _memory(after: dict[str, Used]) -> dict[str, Any]:
    return {
        "rss_mb": {name: round(one.rss / 1e6) for name, one in after.items()},
        "rss_mb_sum": round(sum(one.rss for one in after.values()) / 1e6),
        "pss_mb_sum": round(sum(one.pss for one in after.values()) / 1e6),
    }


@contextlib.contextmanager
def _kapacitor(program: Path, directory: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A Kapacitor that answers at a URL."""
    port, data = free_port(), directory / "kapacitor"
    data.mkdir()
    config = data / "kapacitor.conf"
    config.write_text(_KAPACITOR.format(data=data, port=port), "utf-8")
    with subprocess.Popen([program, "-config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        try:
            url = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 30.0
            while True:
                try:
                    request(url, "GET", "/kapacitor/v1/ping")
                    break
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.1)
            yield url, psutil.Process(one.pid)
        finally:
            one.terminate()


def _say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
