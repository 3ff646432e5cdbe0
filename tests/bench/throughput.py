"""Points per second of one or several servers, side by side.

    python -m tests.bench.throughput tickbus=http://127.0.0.1:9092 [kapacitor=http://127.0.0.1:9192] [-w window,alert]

The clock runs from the first write to the moment at which the task's own statistics say that every point came through
(with no task: to the last write's answer). With several servers every workload is played on each in turn, `--rounds`
times, and the best round counts; the ratio is that of the first server to the second.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from tests.bench.client import connect, define, request
from tests.bench.workloads import WORKLOADS, bodies

_WRITE = "/kapacitor/v1/write?db=telegraf&rp=autogen"
_LIMIT = 280.0


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("servers", nargs="+", metavar="NAME=URL")
    p.add_argument("-w", "--workloads", default="none,window,eval,alert,state,tasks100,tasks1000idle,tiny")
    p.add_argument("--points", type=int, default=0, help="0: as many as suit the workload")
    p.add_argument("--body", type=int, default=5000)
    p.add_argument("--conns", type=int, default=2)
    p.add_argument("--hosts", type=int, default=100)
    p.add_argument("--rounds", type=int, default=2)
    a = p.parse_args()
    servers = [tuple(s.split("=", 1)) for s in a.servers]
    for workload in a.workloads.split(","):
        best = dict.fromkeys((name for name, _ in servers), 0.0)
        for _ in range(a.rounds):
            for number, (name, url) in enumerate(servers):
                points = a.points or _points(workload, number)
                body = 1 if workload == "tiny" else a.body
                best[name] = max(best[name], play(url, workload, points, body, a.conns, a.hosts))
        line: dict[str, Any] = {"workload": workload, **{name: round(rate) for name, rate in best.items()}}
        if len(servers) > 1:
            line["ratio"] = round(best[servers[0][0]] / best[servers[1][0]], 2)
        print(json.dumps(line), flush=True)


def play(url: str, workload: str, points: int, per_body: int, conns: int, hosts: int) -> float:
    """Points per second of one workload on one server, which has its tasks for just as long."""
    tasks = define_all(url, workload)
    try:
        return drive(url, workload, bodies(workload, points, per_body, hosts), points, conns)
    finally:
        delete_all(url, tasks)


def define_all(url: str, workload: str) -> list[str]:
    """Have a server run the tasks of a workload; gives their ids."""
    tasks = [f"bench_{workload}_{i}" for i in range(len(WORKLOADS[workload]))]
    for task, script in zip(tasks, WORKLOADS[workload], strict=True):
        define(url, task, script)
    return tasks


def delete_all(url: str, tasks: Iterable[str]) -> None:
    """What `define_all` has made is gone again."""
    for task in tasks:
        request(url, "DELETE", f"/kapacitor/v1/tasks/{task}")


def drive(url: str, workload: str, data: list[bytes], points: int, conns: int) -> float:
    """Points per second of what is written, with the tasks of the workload there."""
    last = len(WORKLOADS[workload]) - 1
    watched = [f"bench_{workload}_{i}" for i in ({0} if workload == "tasks1000idle" else {0, last}) if 0 <= i <= last]
    begun = time.perf_counter()
    write(url, data, conns)
    while not all(through(url, task, points) for task in watched):
        if time.perf_counter() - begun > _LIMIT:
            raise SystemExit(f"{workload}: timed out")
        time.sleep(0.05)
    return points / (time.perf_counter() - begun)


def _points(workload: str, server: int) -> int:
    """Enough for some seconds: the reference takes 3,500 points a second with a hundred tasks."""
    if workload == "tiny":
        return 10_000
    if workload == "tasks100":
        return 200_000 if server == 0 else 20_000
    return 500_000


def write(url: str, data: list[bytes], conns: int) -> None:
    waiting = iter(data)
    lock = threading.Lock()
    refused: list[tuple[int, bytes]] = []

    def run() -> None:
        c = connect(url)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None or refused:
                return
            c.request("POST", _WRITE, body)
            r = c.getresponse()
            answer = r.read()
            if r.status != 204:
                refused.append((r.status, answer[:200]))

    threads = [threading.Thread(target=run) for _ in range(conns)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise SystemExit(f"a write failed: {refused[0]}")


def through(url: str, task: str, total: int) -> bool:
    """Whether all points have come through the task: its `from` has seen all, and so has a node below it."""
    _, answer = request(url, "GET", f"/kapacitor/v1/tasks/{task}")
    body = json.loads(answer)
    if body.get("error"):
        raise SystemExit(f"task error: {body['error']}")
    nodes: dict[str, dict[str, int]] = (body.get("stats") or {}).get("node-stats") or {}
    sources = [n.get("collected", 0) for name, n in nodes.items() if name.startswith("from")]
    below = [n.get("collected", 0) for name, n in nodes.items() if not name.startswith(("stream", "from"))]
    if not sources or not below:
        return False
    return sum(sources) >= total and max(below) * len(sources) >= total


if __name__ == "__main__":
    sys.exit(main())
