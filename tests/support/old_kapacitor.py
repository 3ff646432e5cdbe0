"""A stand-in for a running Kapacitor: a small HTTP server with the answers of a real one, version 1.5.7.

`recorded_kapacitor.json` has them by path: a template, tasks, handlers, states of alerts, sections of the
configuration, and a recording with its file. Made up in it are the script of the task `unknown`, whose node Kapacitor
1.5.7 does not have, and the directory `/recorded`. Lists are cut by `offset` and `limit` as there.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_RECORDED = Path(__file__).with_name("recorded_kapacitor.json")
_BASE = "/kapacitor/v1"
_DEFAULT_LIMIT = 100

Answer = tuple[int, Any]
"""Status, and what the body holds as JSON."""


class OldKapacitor:
    """Answers by path, without `/kapacitor/v1`; tests may change them.

    leaves_after: how many questions it still answers before it is away, None where it stays.
    """

    def __init__(self, folder: Path) -> None:
        """folder: in the place of `/recorded`; the directory `replay` in it has the recordings."""
        recorded = json.loads(_RECORDED.read_text("utf-8").replace("/recorded/", f"{folder}/"))
        self.answers: dict[str, Answer] = {
            path.removeprefix(_BASE): (status, body) for path, (status, body) in recorded["answers"].items()
        }
        self.leaves_after: int | None = None
        self.url = ""
        self.recordings = folder / "replay"
        self.recordings.mkdir(exist_ok=True)
        for name, file in recorded["files"].items():
            (self.recordings / name).write_bytes(base64.b64decode(file))

    def answer(self, path: str, query: dict[str, list[str]]) -> Answer | None:
        """What is answered to GET."""
        if self.leaves_after is not None:
            self.leaves_after -= 1
            if self.leaves_after < 0:
                return None
        status, body = self.answers.get(path.removeprefix(_BASE), (404, {"error": "Not Found"}))
        key = path.rpartition("/")[2]
        if status == 200 and ("limit" in query or "offset" in query):
            start, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", [str(_DEFAULT_LIMIT)])[0])
            body = {**body, key: body[key][start : start + limit]}
        return status, body


@contextlib.contextmanager
def old_kapacitor(folder: Path) -> Iterator[OldKapacitor]:
    """It, running."""
    old = OldKapacitor(folder)
    with answering(old.answer) as url:
        old.url = url
        yield old


@contextlib.contextmanager
def answering(
    answer: Callable[[str, dict[str, list[str]]], Answer | None], headers: list[Message] | None = None
) -> Iterator[str]:
    """A server that answers GET so; gives its URL. answer: of the path and the query, None: it hangs up.

    headers: those of each question are added here.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if headers is not None:
                headers.append(self.headers)
            parts = urlsplit(self.path)
            found = answer(unquote(parts.path), parse_qs(parts.query))
            if found is None:
                self.close_connection = True
                return
            status, body = found
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
