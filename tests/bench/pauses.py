"""How long a worker with much state keeps others waiting: a server of its own, series in windows, and a probe.

    python -m tests.bench.pauses [--series 200000] [--windows 3] [--seconds 90] [--interval 10s] [--restart]

Every ten seconds each series gets a point, which each of the window tasks holds. Meanwhile a point for a small task is
written twenty times a second: from its sending to its post (`probe`), and how long a question to that task takes
(`ask`). `dead`: how often the worker has to think that it was taken for dead. `rss_mb` is the worker's memory when it
begins to be measured, `peak_mb` its highest in all. With --restart the worker is killed at the end and its time until
the next probe is answered is told.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.bench.client import connect, define, request

_ROOT = Path(__file__).parents[2]
_WRITE = "/kapacitor/v1/write?db=telegraf&rp=autogen"
_ROUND = 10.0
_BODY = 2000
_PATIENCE, _AGAIN = 300.0, 10.0
_WINDOW = "stream|from().measurement('load').groupBy('host')|window().period(30s).every(10s)|mean('value')|httpOut('o')"
_PROBE = "stream|from().measurement('probe')|httpOut('o')|httpPost('http://127.0.0.1:%d/')"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=200_000)
    p.add_argument("--windows", type=int, default=3)
    p.add_argument("--seconds", type=float, default=90)
    p.add_argument("--interval", default="10s", help="between checkpoints")
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--restart", action="store_true")
    p.add_argument("--log-level", default="INFO")
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="tickbus-pauses-") as directory:
        server = _Server(Path(directory), a.interval, a.workers, a.log_level)
        try:
            print(json.dumps(_measure(server, a)), flush=True)
        except BaseException:
            print(server.log.read_text("utf-8", "replace"), file=sys.stderr)
            raise
        finally:
            server.stop()


def _measure(server: _Server, a: argparse.Namespace) -> dict[str, object]:
    probe = _Probe(server.url)
    for i in range(a.windows):
        define(server.url, f"window{i}", _WINDOW)
    load = _Load(server.url, a.series)
    begun = time.perf_counter()
    for _ in range(3):
        load.round(0.0)
    probe.once()
    filled = time.perf_counter() - begun
    rss = server.memory("VmRSS")
    logged = server.log.stat().st_size
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in (load.go_on, probe.go_on, probe.ask)]
    for thread in threads:
        thread.start()
    time.sleep(a.seconds)
    stop.set()
    for thread in threads:
        thread.join()
    log = server.log.read_bytes()[logged:].decode("utf-8", "replace")
    figures: dict[str, object] = {
        "series": a.series,
        "filled_s": round(filled, 1),
        "probe": _spread(probe.took),
        "ask": _spread(probe.asked),
        "load_late_s": round(load.late, 1),
        "dead": log.count("may have been taken for dead"),
        "lost": log.count("lost leases"),
        "rss_mb": rss,
        "peak_mb": server.memory("VmHWM"),
    }
    if a.restart:
        server.kill_worker()
        killed = time.perf_counter()
        probe.once()
        figures["restarted_s"] = round(time.perf_counter() - killed, 1)
    return figures


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(s * 1e3 for s in seconds)
    if not ordered:
        return {"n": 0}
    figures = {
        "median_ms": statistics.median(ordered),
        "p95_ms": ordered[int(len(ordered) * 0.95)],
        "worst_ms": ordered[-1],
    }
    return {"n": len(ordered)} | {name: round(v, 1) for name, v in figures.items()}


class _Server:
    """`tickbus serve` in a directory of its own."""

    def __init__(self, directory: Path, interval: str, workers: int, log_level: str) -> None:
        self.log = directory / "log"
        self._data = directory / "data"
        environment = os.environ | {
            "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": interval,
            "KAPACITOR_HTTP_LOG_ENABLED": "false",
        }
        arguments = ["serve", "--http", "127.0.0.1:0", "--data-dir", str(self._data), "--workers", str(workers)]
        arguments += ["--log-level", log_level]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", *arguments],
                cwd=_ROOT, env=environment, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._process.stdout is not None
        if b" ready" not in self._process.stdout.readline():
            raise SystemExit(self.log.read_text("utf-8", "replace"))
        self.url: str = self._state()["http"]

    def memory(self, what: str) -> int:
        """A figure of the workers' /proc/PID/status in MB, of the one that has most."""
        return max(
            int(line.split()[1]) >> 10
            for pid in self._workers()
            for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
            if line.startswith(f"{what}:")
        )

    def kill_worker(self) -> None:
        """kill -9; serve starts it again."""
        for pid in self._workers():
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _workers(self) -> list[int]:
        return [one["pid"] for name, one in self._state()["services"].items() if name.startswith("engine")]

    def _state(self) -> Any:
        return json.loads((self._data / "state.json").read_text("utf-8"))


class _Load:
    """A point of every series again and again."""

    def __init__(self, url: str, series: int) -> None:
        self._writer = connect(url)
        self._series = series
        self._second = 1_700_000_000
        self.late = 0.0

    def go_on(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.round(_ROUND, stop)

    def round(self, seconds: float, stop: threading.Event | None = None) -> None:
        """One point of every series, evenly over so many seconds."""
        begun = time.perf_counter()
        for at in range(0, self._series, _BODY):
            if stop is not None and stop.is_set():
                return
            stamp = self._second + int(_ROUND * at / self._series)
            lines = [f"load,dc=eu-west,host=server{i:06d} value={i % 97}.5 {stamp}000000000" for i in
                     range(at, min(at + _BODY, self._series))]  # fmt: skip
            self._writer.request("POST", _WRITE, "\n".join(lines))
            answer = self._writer.getresponse()
            answer.read()
            if answer.status != 204:
                raise SystemExit(f"a write is answered {answer.status}")
            due = begun + seconds * (at + _BODY) / self._series
            now = time.perf_counter()
            if due > now:
                time.sleep(due - now)
            elif seconds:
                self.late = max(self.late, now - due)
        self._second += int(_ROUND)


class _Probe:
    """Points for a task of its own, and when their posts came."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.took: list[float] = []
        self.asked: list[float] = []
        self._came = threading.Event()
        self._number = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                if body["series"][0]["values"][-1][-1] == outer._number:
                    outer._came.set()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        define(url, "probe", _PROBE % sink.server_port)
        self._writer = connect(url)

    def once(self) -> float:
        """Seconds from a write to its post. A worker that is taken for dead may lose one: it is written again."""
        self._number += 1
        self._came.clear()
        begun = time.perf_counter()
        while not self._came.is_set():
            self._writer.request("POST", _WRITE, f"probe v={self._number}")
            answer = self._writer.getresponse()
            answer.read()
            if answer.status != 204 or time.perf_counter() - begun > _PATIENCE:
                raise SystemExit(f"no post for a probe in {time.perf_counter() - begun:g} s: {answer.status}")
            self._came.wait(_AGAIN)
        return time.perf_counter() - begun

    def go_on(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.took.append(self.once())
            stop.wait(0.05)

    def ask(self, stop: threading.Event) -> None:
        while not stop.is_set():
            begun = time.perf_counter()
            status, answer = request(self._url, "GET", "/kapacitor/v1/tasks/probe/o")
            if status != 200:
                print(f"a question is answered {status} {answer[:200]!r}", file=sys.stderr)
            self.asked.append(time.perf_counter() - begun)
            stop.wait(0.05)


if __name__ == "__main__":
    main()
