"""How many alerts a second alerting hands on, and what CPU time that takes: one alerting, or several that share topics.

python -m tests.bench.alertings [--alertings 1] [--events 20000] [--topics 16] [--handler post]

It starts a NATS and alertings against it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, OK, alerts, send, started
from tests.support.nats import NatsServer

ROOT = Path(__file__).parents[2]


async def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--alertings", type=int, default=1)
    p.add_argument("--events", type=int, default=20_000)
    p.add_argument("--topics", type=int, default=16)
    p.add_argument("--handler", choices=["post", "log"], default="post")
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="tickbus-bench-") as directory:
        path = Path(directory)
        nats = NatsServer(path / "nats")
        await asyncio.to_thread(nats.start)
        processes = []
        try:
            for number in range(a.alertings):
                data = ("--nats", nats.url, "--data-dir", str(path / f"data{number}"), "--log-level", "ERROR")
                command = (sys.executable, "-m", "services.cli", "alerting", *data)
                processes.append(
                    await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
                )
            for process in processes:
                assert process.stdout is not None
                await process.stdout.readline()
            await asyncio.sleep(3)  # until the topics are shared
            async with await Bus.connect(nats.url) as bus:
                figures = await _measure(bus, a, path, [process.pid for process in processes])
            print(json.dumps({**vars(a), **figures}))
        finally:
            for process in processes:
                process.kill()
                await process.wait()
            await asyncio.to_thread(nats.stop)


async def _measure(bus: Bus, a: argparse.Namespace, path: Path, pids: list[int]) -> dict[str, Any]:
    sink = _Sink()
    await sink.start()
    runs = []
    for i in range(a.topics):
        post = {"kind": "post", "options": {"url": f"http://127.0.0.1:{sink.port}/"}}
        log = {"kind": "log", "options": {"path": str(path / f"{i}.log"), "mode": 0o600}}
        runs.append(await started(bus, f"t{i}", 1, post if a.handler == "post" else log))
    cpu, began = sum(map(_cpu, pids)), time.monotonic()
    for seq in range(1, a.events // a.topics + 1):
        events = [alerts([(f"n{seq}", CRITICAL if seq % 2 else OK)], seq, task=f"t{i}") for i in range(a.topics)]
        await asyncio.gather(*(send(bus, event, run) for event, run in zip(events, runs, strict=True)))
    expected = a.events // a.topics * a.topics

    def handled() -> int:
        if a.handler == "post":
            return sink.count
        return sum(file.read_bytes().count(b"\n") for file in path.glob("*.log"))

    while handled() < expected:
        await asyncio.sleep(0.05)
    took = time.monotonic() - began
    await asyncio.sleep(1)
    cpu = sum(map(_cpu, pids)) - cpu
    return {
        "per_second": round(expected / took),
        "cpu_us_per_event": round(cpu / expected * 1e6, 1),
        "more_than_once": handled() - expected,
    }


class _Sink:
    """Counts requests."""

    def __init__(self) -> None:
        self.count = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                self.count += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _cpu(pid: int) -> float:
    """Seconds of CPU time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    asyncio.run(main())
