"""Thousands of tasks: restarts, a cold start of several workers, the list of all tasks, and writes meanwhile.

    python -m tests.bench.many_tasks [--tasks 5000] [--workers 2] [--restarts 3] [--directory /tmp/many]

It starts a `tickbus serve` of its own. A directory that is named is kept, so that the tasks need not be defined again.
The first list after they were is slow: nobody has parsed their scripts before. No two tasks are of one script.
A start is cold where each worker's own files are gone. CPU times are told beside seconds: they depend less on what else
the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil

from services.bus.connection import Bus
from tests.bench.many_scripts import distinct_scripts
from tests.crash.load import define_quickly
from tests.crash.processes import Serve

_START_SECONDS = 600.0
_STOP_SECONDS = 60.0
_IDLE_SECONDS = 10.0
_LATER_SECONDS = 60.0
# as tickbus serves by default: tests of crashes have shorter times
_SETTINGS = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s",
    "KAPACITOR_ENGINE_LEASE_TTL": "5s",
    "KAPACITOR_ENGINE_HEARTBEAT": "1s",
    "KAPACITOR_ALERT_LEASE_TTL": "5s",
    "KAPACITOR_ALERT_HEARTBEAT": "1s",
}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tasks", type=int, default=5000)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--restarts", type=int, default=3)
    p.add_argument("--directory", type=Path)
    a = p.parse_args()
    directory = a.directory or Path(tempfile.mkdtemp(prefix="tickbus-many-"))
    try:
        asyncio.run(_measure(directory, a.tasks, a.workers, a.restarts))
    finally:
        if a.directory is None:
            shutil.rmtree(directory)


async def _measure(directory: Path, tasks: int, workers: int, restarts: int) -> None:
    server = Serve(directory, workers, _SETTINGS)
    await server.start(_START_SECONDS)
    try:
        await _define(server, tasks)
        await _all_run(server, tasks)
        for query in ("", "", "&fields=id&fields=status"):
            _say(listed=query, **await _list(server, tasks, query))
        for _ in range(restarts):
            _say(stopped=await server.stop(_STOP_SECONDS))
            _say(restart=tasks, workers=workers, **await _start(server, tasks))
        _say(idle_soon=await _idle(server))
        await asyncio.sleep(_LATER_SECONDS)
        _say(idle_later=await _idle(server))
        _say(stopped=await server.stop(_STOP_SECONDS))
        shutil.rmtree(directory / "data" / "engine")
        _say(cold=tasks, workers=workers, **await _start(server, tasks))
        _say(stopped=await server.stop())
    finally:
        await server.kill()


async def _define(server: Serve, tasks: int) -> None:
    """Those that are not there yet."""
    async with httpx.AsyncClient(base_url=server.url, timeout=120.0) as client:
        answer = await client.get("/kapacitor/v1/tasks?fields=id&limit=1000000")
        there = {task["id"] for task in answer.json()["tasks"]}
    wanted = distinct_scripts(tasks)
    begun = time.perf_counter()
    await define_quickly(server, {id: script for id, script in wanted.items() if id not in there})
    _say(defined=len(wanted.keys() - there), seconds=round(time.perf_counter() - begun, 1))


async def _start(server: Serve, tasks: int) -> dict[str, Any]:
    before = len(server.logged("handed shards over"))
    begun = time.perf_counter()
    await server.start(_START_SECONDS)
    ready = time.perf_counter() - begun
    await _all_run(server, tasks)
    running = time.perf_counter() - begun
    handed = len(server.logged("handed shards over")) - before
    spent = {name: round(seconds, 2) for name, seconds in _every_cpu(server).items()}
    return {
        "ready_s": round(ready, 1),
        "running_s": round(running, 1),
        "handed_over": handed,
        "cpu_s": spent | {"sum": round(sum(spent.values()), 2)},
    }


async def _idle(server: Serve) -> dict[str, Any]:
    """What share of a core each process takes while nothing is written."""
    await asyncio.sleep(_IDLE_SECONDS)
    before, begun = _every_cpu(server), time.perf_counter()
    await asyncio.sleep(_IDLE_SECONDS)
    seconds = time.perf_counter() - begun
    shares = {name: (cpu - before[name]) / seconds for name, cpu in _every_cpu(server).items()}
    return {name: f"{share:.2%}" for name, share in (shares | {"sum": sum(shares.values())}).items()}


def _every_cpu(server: Serve) -> dict[str, float]:
    """CPU time of every process, seconds; of what services are forked off as well, where they are."""
    names = {service["pid"]: name for name, service in server.services().items()}
    found = {}
    for process in (psutil.Process(server.pid), *psutil.Process(server.pid).children()):
        times = process.cpu_times()
        name = "serve" if process.pid == server.pid else names.get(process.pid, "template")
        found[name] = times.user + times.system
    return found


async def _all_run(server: Serve, tasks: int) -> None:
    """Wait until the workers run the tasks, as a sample of them shows."""
    ids = [f"task{number:05d}" for number in range(0, tasks, max(1, tasks // 100))]
    question = orjson.dumps({"ids": ids})
    async with await Bus.connect(server.state()["nats"], "bench") as bus:
        running: set[str] = set()
        while len(running) < len(ids):
            answers = await bus.request_all("tickbus.ask.engine.stats", question, None, 1.0)
            running = {id for answer in answers for id in orjson.loads(answer)["tasks"]}


async def _list(server: Serve, tasks: int, query: str) -> dict[str, Any]:
    """The list of all tasks, with writes and pings beside it."""
    took: dict[str, list[float]] = {"write": [], "ping": []}
    ended = asyncio.Event()
    async with httpx.AsyncClient(base_url=server.url, timeout=60.0) as client:

        async def probe(kind: str, method: str, path: str, body: str | None) -> None:
            while not ended.is_set():
                begun = time.perf_counter()
                answer = await client.request(method, path, content=body)
                assert answer.status_code == 204, answer.text
                took[kind].append(time.perf_counter() - begun)
                await asyncio.sleep(0.01)

        probes = [
            asyncio.create_task(probe("write", "POST", "/kapacitor/v1/write?db=db&rp=rp", "other0,host=a value=1")),
            asyncio.create_task(probe("ping", "GET", "/kapacitor/v1/ping", None)),
        ]
        await asyncio.sleep(0.5)
        for kind in took:
            took[kind].clear()
        begun, before = time.perf_counter(), _cpu(server)
        first = 0.0
        async with client.stream("GET", f"/kapacitor/v1/tasks?limit=1000000{query}") as answer:
            text = bytearray()
            async for piece in answer.aiter_raw():
                first = first or time.perf_counter() - begun
                text += piece
        seconds = time.perf_counter() - begun
        spent = {name: round(cpu - before[name], 2) for name, cpu in _cpu(server).items()}
        listed = json.loads(text)["tasks"]
        assert len(listed) == tasks
        ended.set()
        await asyncio.gather(*probes)
    return {
        "seconds": round(seconds, 2),
        "first_byte_s": round(first, 2),
        "bytes": len(text),
        "cpu_s": spent,
        **{f"{kind}_ms": [round(f(of) * 1e3, 1) for f in (statistics.median, max)] for kind, of in took.items() if of},
    }


def _cpu(server: Serve) -> dict[str, float]:
    """CPU time of those that have to do with a list, seconds."""
    found = {}
    for name, service in server.services().items():
        if name == "gateway" or name.startswith("engine"):
            times = psutil.Process(service["pid"]).cpu_times()
            found[name] = times.user + times.system
    return found


def _say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
