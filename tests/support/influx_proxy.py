"""What stands before a real InfluxDB for tests, and answers in its place where that is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx


class InfluxProxy:
    """fails: statements that begin so are answered with a 500. hangs: with nothing, until `released` is set."""

    def __init__(self, url: str) -> None:
        self.behind, self.url = url, ""
        self.fails: str | None = None
        self.hangs: str | None = None
        self.released = threading.Event()
        self.refused = 0

    def is_of(self, beginning: str | None, statement: str) -> bool:
        """Whether a statement begins so."""
        return beginning is not None and statement.startswith(beginning)


@contextmanager
def influx_proxy(url: str) -> Iterator[InfluxProxy]:
    """One that passes on to `url` all that is asked of it."""
    proxy = InfluxProxy(url)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            statement = parse_qs(urlsplit(self.path).query).get("q", [""])[0]
            if proxy.is_of(proxy.hangs, statement):
                proxy.refused += 1
                proxy.released.wait()
                return
            if proxy.is_of(proxy.fails, statement):
                proxy.refused += 1
                self._answer(500, b'{"error":"the disk is full"}')
                return
            answer = httpx.post(f"{proxy.behind}{self.path}", content=body)
            self._answer(answer.status_code, answer.content)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
