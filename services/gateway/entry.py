"""The ASGI callable in front of everything: writes on a short path, then what holds for every path, then Quart."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from services import log as logs
from services.gateway.answers import BASE, JSON, NOT_FOUND, PREVIEW, RawHeaders, common_headers, error_body, request_id

PING = f"{BASE}/ping"
WRITE_PATHS = frozenset({"/write", f"{BASE}/write", f"{PREVIEW}/write"})

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
WriteHandler = Callable[[Any, Receive, Send, str], Awaitable[int]]

_INTERNAL = error_body("internal error, see the log")
_log = logs.get("http")


class Entry:
    """Wraps a Quart app's ASGI side."""

    def __init__(self, app: Application, write: WriteHandler, log_requests: bool) -> None:
        self._app = app
        self._write = write
        self._log_requests = log_requests

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id()
        started = time.perf_counter_ns() if self._log_requests else 0
        path = scope["path"]
        if path in WRITE_PATHS and scope["method"] == "POST":
            status = await self._written(scope, receive, send, name)
        else:
            status = await self._other(scope, receive, send, name)
        if self._log_requests and _log.enabled("INFO"):
            _log_request(scope, path, status, name, time.perf_counter_ns() - started)

    async def _written(self, scope: Any, receive: Receive, send: Send, name: str) -> int:
        try:
            return await self._write(scope, receive, send, name)
        except Exception as error:
            _log.exception("write failed", error, request=name)
            return await _answer(send, 500, common_headers(scope["headers"], name), _INTERNAL)

    async def _other(self, scope: Any, receive: Receive, send: Send, name: str) -> int:
        """As Kapacitor 1.5.7: unclean paths are sent on, OPTIONS is always empty, there is no 405."""
        headers = common_headers(scope["headers"], name)
        path, method = scope["path"], scope["method"]
        if method not in METHODS:
            return await _answer(send, 404, headers, NOT_FOUND)
        clean = clean_path(path)
        if clean != path:
            query = scope["query_string"].decode("latin-1")
            location = quote(clean) + (f"?{query}" if query else "")
            headers.append((b"location", location.encode()))
            return await _answer(send, 301, headers, b"")
        if method == "OPTIONS":
            return await _answer(send, 200, headers, b"")
        if path.startswith(f"{PREVIEW}/"):
            path = BASE + path[len(PREVIEW) :]
            scope = {**scope, "path": path, "raw_path": quote(path).encode()}
        if method == "HEAD" and path != PING:
            return await _answer(send, 404, headers, NOT_FOUND)
        return await self._pass_on(scope, receive, send, headers)

    async def _pass_on(self, scope: Any, receive: Receive, send: Send, headers: RawHeaders) -> int:
        status = 500
        begun = False

        async def with_headers(message: Any) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                message["headers"] = [*headers, *message["headers"]]
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            _log.exception("request failed", error, method=scope["method"], uri=scope["path"])
            if begun:
                raise
            return await _answer(send, 500, headers, _INTERNAL)
        return status


def clean_path(path: str) -> str:
    """The shortest path that means the same: no empty, `.` or `..` segments. A trailing slash stays."""
    if "//" not in path and "/." not in path and path[:1] == "/":
        return path
    clean = posixpath.normpath("/" + path).replace("//", "/", 1)
    return clean if clean == "/" or not path.endswith("/") else clean + "/"


async def _answer(send: Send, status: int, headers: RawHeaders, body: bytes) -> int:
    if body:
        headers.append((b"content-type", JSON))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
    return status


def _log_request(scope: Any, path: str, status: int, name: str, took_ns: int) -> None:
    agent = next((value for key, value in scope["headers"] if key == b"user-agent"), b"-")
    query = scope["query_string"]
    _log.info(
        "http request",
        host=scope["client"][0] if scope.get("client") else "-",
        method=scope["method"],
        uri=f"{path}?{query.decode('latin-1')}" if query else path,
        protocol=f"HTTP/{scope['http_version']}",
        status=status,
        **{"user-agent": agent.decode("latin-1"), "request-id": name, "duration": f"{took_ns / 1000:.0f}µs"},
    )
