"""A process that watches a server: a write every 50 ms to a small task with an alert, and a GET /ping beside it.

What is kept is the worst of each: how long a ping took, a write, and the way from a write to the post of its alert.
"""

from __future__ import annotations

import http.server
import multiprocessing
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.bench.client import connect, define

TASK = "hostile_probe"
_EVERY = 0.05
_GIVEN_UP = 60.0
_SETTLED = 0.5


class Probe:
    """The process, as the one that started it sees it."""

    def __init__(self, url: str) -> None:
        self._here, there = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_run, args=(url, there), daemon=True)
        self._process.start()
        self._here.recv()

    def begin(self, pids: list[int]) -> None:
        """Forget what was worst. pids: whose memory is watched from now on."""
        self._here.send(pids)
        self._here.recv()

    def settle(self, seconds: float) -> None:
        """Wait until nothing is under way for longer than half a second, but no longer than so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._here.send("oldest")
            if self._here.recv() < _SETTLED:
                return
            time.sleep(_EVERY)

    def worst(self) -> dict[str, float]:
        """The worst since `begin`: seconds of `ping`, `write` and `alert`, and the most `rss` of one process, MB."""
        self._here.send(None)
        found: dict[str, float] = self._here.recv()
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.join()


class _Watch:
    """The latencies, written by several threads. What is still under way counts as it is, from `begin` on."""

    def __init__(self) -> None:
        self.pids: list[int] = []
        self._lock = threading.Lock()
        self._worst: dict[str, float] = {}
        self._under_way: dict[tuple[str, int], float] = {}

    def begin(self, pids: list[int]) -> None:
        with self._lock:
            self.pids, self._worst = pids, {}
            now = time.monotonic()
            self._under_way = dict.fromkeys(self._under_way, now)

    def began(self, what: str, number: int) -> None:
        with self._lock:
            self._under_way[what, number] = time.monotonic()

    def ended(self, what: str, number: int) -> None:
        with self._lock:
            begun = self._under_way.pop((what, number), None)
            if begun is not None:
                self._note(what, time.monotonic() - begun)

    def note(self, what: str, value: float) -> None:
        with self._lock:
            self._note(what, value)

    def oldest(self) -> float:
        with self._lock:
            return max((time.monotonic() - begun for begun in self._under_way.values()), default=0.0)

    def worst(self) -> dict[str, float]:
        with self._lock:
            for (what, _), begun in self._under_way.items():
                self._note(what, min(time.monotonic() - begun, _GIVEN_UP))
            return {"ping": 0.0, "write": 0.0, "alert": 0.0, "rss": 0.0, **self._worst}

    def _note(self, what: str, value: float) -> None:
        self._worst[what] = max(self._worst.get(what, 0.0), value)


def _run(url: str, there: Connection) -> None:
    watch = _Watch()
    sink = _sink(watch)
    script = f"""stream|from().measurement('probe')
        |alert().id('probe').message('{{{{ index .Fields "n" }}}}').info(lambda: TRUE).details('').post('http://127.0.0.1:{sink}/')"""
    define(url, TASK, script)
    for work in (_pings, _writes, _memory):
        threading.Thread(target=work, args=(watch, url), daemon=True).start()
    there.send(True)
    while True:
        asked = there.recv()
        if asked == "oldest":
            there.send(watch.oldest())
        elif asked is None:
            there.send(watch.worst())
        else:
            watch.begin(asked)
            there.send(True)


def _pings(watch: _Watch, url: str) -> None:
    _again(watch, url, "ping", lambda c, n: c.request("GET", "/kapacitor/v1/ping"))


def _writes(watch: _Watch, url: str) -> None:
    def write(connection: Any, number: int) -> None:
        watch.began("alert", number)
        connection.request("POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", f"probe n={number}i")

    _again(watch, url, "write", write)


def _again(watch: _Watch, url: str, what: str, ask: Any) -> None:
    connection, number = connect(url), 0
    while True:
        number += 1
        watch.began(what, number)
        try:
            ask(connection, number)
            connection.getresponse().read()
        except OSError:
            connection.close()
            connection = connect(url)
        watch.ended(what, number)
        time.sleep(_EVERY)


def _memory(watch: _Watch, url: str) -> None:
    while True:
        for pid in watch.pids:
            try:
                pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
            except (OSError, ValueError, IndexError):
                continue
            watch.note("rss", pages * 4096 / 1e6)
        time.sleep(_EVERY)


def _sink(watch: _Watch) -> int:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            import json

            event = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            watch.ended("alert", int(event["message"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])
