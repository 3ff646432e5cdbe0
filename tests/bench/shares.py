"""CPU time a point by process, NATS's share of it, and memory, after each of some workloads.

    python -m tests.bench.shares [-w none,window,texts] [--points 500000]

It starts a `tickbus serve` of its own. CPU times depend less on what else the machine does than points per second do;
where memory lies in several processes (code of libraries), RSS counts it for each, PSS once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.bench.throughput import play
from tests.crash.processes import Serve

# as tickbus serves by default: tests of crashes have shorter times
_SETTINGS = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s",
    "KAPACITOR_ENGINE_LEASE_TTL": "10s",
    "KAPACITOR_ENGINE_HEARTBEAT": "2s",
}


class Used(NamedTuple):
    """What a process has used so far. cpu: seconds. rss, pss: bytes, now."""

    cpu: float
    rss: int
    pss: int


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-w", "--workloads", default="none,window,eval,alert,state,texts,mixed")
    p.add_argument("--points", type=int, default=500_000)
    p.add_argument("--body", type=int, default=5000)
    p.add_argument("--conns", type=int, default=2)
    p.add_argument("--hosts", type=int, default=100)
    p.add_argument("--workers", type=int, default=1)
    a = p.parse_args()
    asyncio.run(_measure(a))


async def _measure(a: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="tickbus-shares-") as directory:
        async with Serve(Path(directory), a.workers, _SETTINGS) as server:
            _say(idle=_memory(_used(server)))
            for workload in a.workloads.split(","):
                before = _used(server)
                rate = await asyncio.to_thread(play, server.url, workload, a.points, a.body, a.conns, a.hosts)
                after = _used(server)
                _say(workload=workload, points_per_s=round(rate), **_shares(before, after, a.points), **_memory(after))


def _used(server: Serve) -> dict[str, Used]:
    """By name of the process, the launcher's own among them."""
    pids = {"serve": server.pid} | {name: service["pid"] for name, service in server.services().items()}
    used = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_full_info()
        used[name] = Used(times.user + times.system, memory.rss, getattr(memory, "pss", memory.rss))
    return used


def _shares(before: dict[str, Used], after: dict[str, Used], points: int) -> dict[str, Any]:
    spent = {name: (used.cpu - before[name].cpu) / points * 1e6 for name, used in after.items()}
    total = sum(spent.values())
    return {
        "cpu_us": {name: round(us, 2) for name, us in spent.items()},
        "cpu_us_sum": round(total, 2),
        "nats_share": round(spent.get("nats", 0.0) / total, 2),
    }


def _memory(used: dict[str, Used]) -> dict[str, Any]:
    return {
        "rss_mb": {name: round(one.rss / 1e6) for name, one in used.items()},
        "rss_mb_sum": round(sum(one.rss for one in used.values()) / 1e6),
        "pss_mb_sum": round(sum(one.pss for one in used.values()) / 1e6),
    }


def _say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
