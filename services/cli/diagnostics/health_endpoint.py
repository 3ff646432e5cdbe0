"""/healthz, /readyz and /metrics of one process, on an address of its own ([service] health-address).

The gateway says the first two on its own port as well. Here they are answered by a thread: where the event loop hangs,
that is told, and whoever asks need not wait for it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeVar

from services.cli.diagnostics.usage import usage
from services.process import log as logs
from services.process.listening import listen
from services.process.metrics.shown import add_process
from services.process.metrics.text import CONTENT_TYPE, Metrics
from services.process.vitals import Vitals

T = TypeVar("T")

_SECONDS = 5.0  # that the event loop may take for an answer; longer than each check may
_JSON = "application/json; charset=utf-8"

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class HealthEndpoint:
    """Answers while it is entered. Raises OSError where the address cannot be had."""

    def __init__(self, address: str, vitals: Vitals) -> None:
        self._vitals = vitals
        self._loop = asyncio.get_running_loop()
        self._started = time.time()
        self._server = _Server(address, self._answer)
        self.port: int = self._server.socket.getsockname()[1]

    def __enter__(self) -> HealthEndpoint:
        threading.Thread(target=self._serve, name="health", daemon=True).start()
        logs.get(self._vitals.service).info("health is told", port=self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the server looks for this every half second; waiting for it would hold up the loop
        threading.Thread(target=self._server.shutdown, daemon=True).start()

    def _serve(self) -> None:
        with self._server:
            self._server.serve_forever()

    def _answer(self, path: str) -> Answer:
        try:
            if path == "/healthz":
                self._ask(_nothing)
                return _told(200, {"service": self._vitals.service, "alive": True})
            if path == "/readyz":
                lacks = self._ask(self._vitals.lacks)
                told = {"service": self._vitals.service, "ready": not lacks, "lacks": lacks}
                return _told(503, {"error": "not ready", **told}) if lacks else _told(200, told)
            if path == "/metrics":
                return 200, CONTENT_TYPE, self._metrics().text().encode()
        except concurrent.futures.TimeoutError:
            lacks = {"process": f"its event loop does not answer within {_SECONDS:g} s"}
            told = {"service": self._vitals.service, "alive": False, "ready": False, "lacks": lacks}
            return _told(503, {"error": "hangs", **told})
        return _told(404, {"error": "Not Found"})

    def _metrics(self) -> Metrics:
        """Those of this process. Text is made in this thread: there may be much of it."""
        metrics, service = Metrics(), self._vitals.service
        process = {"service": service, "id": f"{socket.gethostname()}-{os.getpid()}", "started": self._started}
        add_process(metrics, {**process, **usage()})
        ready = int(not self._ask(self._vitals.lacks))
        metrics.gauge("tickbus_ready", "Whether a service is ready.", {"service": service}, ready)
        if self._vitals.shown is not None:
            show, figures = self._vitals.shown
            show(metrics, self._ask(figures))
        return metrics

    def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Have the event loop answer. Raises concurrent.futures.TimeoutError."""

        async def ask() -> T:
            return await question()

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str, answer: Callable[[str], Answer]) -> None:
        self.answer = answer
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listen(address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asks has gone, or does not speak HTTP: nothing to be told of."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS  # for a request to come
    server: _Server

    def do_GET(self) -> None:
        status, kind, body = self.server.answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: it is asked every few seconds."""


async def _nothing() -> None:
    """What any event loop can do that gets on."""


def _told(status: int, body: dict[str, Any]) -> Answer:
    return status, _JSON, json.dumps(body).encode()
