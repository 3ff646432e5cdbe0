"""The least of an HTTP client that the benches need."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any


def connect(url: str) -> http.client.HTTPConnection:
    """A connection that is kept alive."""
    return http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=300)


def request(url: str, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """One request with a JSON body on a connection of its own: status and answer."""
    c = connect(url)
    try:
        data = None if body is None else json.dumps(body)
        c.request(method, path, data, {"Content-Type": "application/json"})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


def define(url: str, task: str, script: str) -> None:
    """Define a task and enable it, in place of one that is there. SystemExit where the server does not take it."""
    request(url, "DELETE", f"/kapacitor/v1/tasks/{task}")
    dbrps = [{"db": "telegraf", "rp": "autogen"}]
    body = {"id": task, "type": "stream", "dbrps": dbrps, "script": script, "status": "enabled"}
    status, answer = request(url, "POST", "/kapacitor/v1/tasks", body)
    if status not in (200, 201):
        raise SystemExit(f"define failed: {status} {answer[:300]!r}")
