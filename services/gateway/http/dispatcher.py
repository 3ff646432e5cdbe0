"""The entrance for every request: who may come in, then writes on a short path, then what holds for every path, then
Quart.
"""

from __future__ import annotations

import contextlib
import functools
import posixpath
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

from services.gateway.access.access import Access
from services.gateway.access.admission import Admission, admitted
from services.gateway.access.audit import Caller, calling, changes_over_http
from services.gateway.access.credentials import without_credentials
from services.gateway.access.origins import OriginPolicy
from services.gateway.access.privileges import Denied, User, check_request
from services.gateway.http.answers import NOT_FOUND, Answer, RawHeaders, common_headers, error_body, request_id
from services.gateway.http.connections.bodies import Bodies, BodyDeadline, Held
from services.gateway.http.rejection import ClientDisconnected, RequestRejected, too_large
from services.gateway.http.writing.dialects import error_for
from services.gateway.http.writing.write_request import WRITE_PATHS, LoggedRequest, WriteRequest
from services.gateway.http.writing.writes import ReadBody
from services.gateway.operations.paths import BASE, PREVIEW, SLASH
from services.process import log as logs

HEALTHZ, READYZ = "/healthz", "/readyz"
OPEN = frozenset({f"{BASE}/ping", "/ping", "/health", HEALTHZ, READYZ})
"""Whether the server is there is told to everybody, and asked by HEAD too."""
CONSOLE = ("/", "/ui")
"""The console's page and its files, `/ui/` with all below, are for everybody, too: what it shows it has to ask for."""
PREVIEW_ONLY = frozenset({f"{PREVIEW}/logs"})

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
WriteHandler = Callable[[WriteRequest, ReadBody, User | None], Awaitable[Answer]]
SendAnswer = Callable[[int, RawHeaders, bytes], Awaitable[None]]

GONE = 499
"""What stands in the access log where nobody was there any more to be answered."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
_INTERNAL = "internal error, see the log"
_log = logs.get("http")


class RequestDispatcher:
    """An ASGI callable around a Quart app, with a further entrance for writes that come some other way.

    Nothing else leads to the app or to the writes, so that what `access` says holds for all there is, and for what
    there is not.
    """

    def __init__(
        self,
        app: Application,
        write: WriteHandler,
        log_requests: bool,
        bodies: Bodies,
        origins: OriginPolicy,
        access: Access | None = None,
    ) -> None:
        """bodies: those in memory. origins: what pages in browsers may do. access: who may come in, None: everybody."""
        self._app = app
        self._write = write
        self._log_requests = log_requests
        self._bodies = bodies
        self._origins = origins
        self._access = access

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, query, version = scope["path"], scope["query_string"], scope["http_version"]
        client = scope["client"][0] if scope.get("client") else "-"
        if path in WRITE_PATHS and scope["method"] == "POST":
            request = WriteRequest.of(path, query, scope["headers"], version)
            await self.write(request, client, _reader(receive), _sender(send))
            return
        name = request_id()
        started = time.perf_counter_ns()
        headers = self._common_headers(scope["headers"], name)
        routed = routed_path(path, scope.get("raw_path", b""))
        scope = scope if routed == path else {**scope, "path": routed}
        user, refusal = await self._admit(scope["method"], routed, query, scope["headers"], client)
        again = functools.partial(self._again, scope["method"], routed, query, scope["headers"], client)
        admission = Admission(user, again) if user else None
        with calling(Caller(user.name if user else "", "http", client)) as by, admitted(admission):
            if refusal is None:
                status = await self._other(scope, receive, send, headers)
            else:
                status = await _answer(send, refusal.status, headers, refusal.body)
        if changes_over_http(scope["method"], path):
            by.wrote(f"{scope['method']} {path}", status=status, **{"request-id": name})
        if self._logs():
            logged = LoggedRequest.of(scope["method"], path, query, scope["headers"], version)
            _log_request(client, logged, user, status, name, started)

    async def write(self, request: WriteRequest, client: str, read: ReadBody, send: SendAnswer) -> None:
        """Answer a POST /write. client: its address, for the access log.

        Nothing is sent where `read` raises ClientDisconnected.
        """
        name = request_id()
        started = time.perf_counter_ns()
        user = refusal = answer = None
        try:
            user, refusal = await self._admit("POST", request.path, request.query, request.headers, client)
            if refusal is None:
                answer = await self._write(request, read, user)
            else:
                await self._drop(read)
                answer = refusal
        except ClientDisconnected:
            pass
        except Exception as error:
            _log.exception("write failed", error, request=name)
            answer = Answer(500, error_for(request.path, 500, _INTERNAL))
        if answer is not None:
            headers = answer.all_headers(self._common_headers(request.headers, name))
            await send(answer.status, headers, answer.body)
        if self._logs():
            status = GONE if answer is None else answer.status
            _log_request(client, request.logged, user, status, name, started)

    def _common_headers(self, request_headers: RawHeaders, name: str) -> RawHeaders:
        return common_headers(request_headers, name, self._origins.lists)

    async def _drop(self, read: ReadBody) -> None:
        """Read a body that nobody is to see. Raises ClientDisconnected."""
        with self._bodies.hold() as held, contextlib.suppress(RequestRejected):
            await read(0, held)

    def _logs(self) -> bool:
        return self._log_requests and _log.enabled("INFO")

    async def _admit(
        self, method: str, path: str, query: bytes, headers: RawHeaders, client: str
    ) -> tuple[User | None, Answer | None]:
        """Who sends a request, where that counts; and the answer to it if it is not let in."""
        user = None
        try:
            self._origins.check(method, headers)
            if self._access is None or method == "OPTIONS" or is_open(method, path):
                return None, None
            user = await self._access.user(query, headers, client)
            check_request(user, method, path)
            return user, None
        except Denied as denied:
            return user, Answer(denied.status, error_for(path, denied.status, str(denied)))
        except Exception as error:
            _log.exception("nobody can be let in", error)
            return None, Answer(500, error_for(path, 500, _INTERNAL))

    async def _again(self, method: str, path: str, query: bytes, headers: RawHeaders, client: str) -> User:
        """Who sent a request that is still being answered, as they are now. Raises Denied."""
        assert self._access is not None
        user = await self._access.user(query, headers, client)
        check_request(user, method, path)
        return user

    async def _other(self, scope: Any, receive: Receive, send: Send, headers: RawHeaders) -> int:
        """As Kapacitor 1.5.7: unclean paths are sent on, OPTIONS is always empty, there is no 405."""
        path, method = scope["path"], scope["method"]
        if method not in METHODS:
            return await _answer(send, 404, headers, NOT_FOUND)
        clean = clean_path(path)
        if clean != path:
            return await _redirect(send, headers, method, clean, scope["query_string"])
        if method == "OPTIONS":
            return await _answer(send, 200, headers, b"")
        if self._access is not None and scope["query_string"]:
            scope = {**scope, "query_string": without_credentials(scope["query_string"])}
        if path.startswith(f"{PREVIEW}/") and path not in PREVIEW_ONLY:
            path = BASE + path[len(PREVIEW) :]
            scope = {**scope, "path": path, "raw_path": quote(path).encode()}
        if method == "HEAD" and path not in OPEN:
            return await _answer(send, 404, headers, NOT_FOUND)
        return await self._pass_on(scope, receive, send, headers)

    async def _pass_on(self, scope: Any, receive: Receive, send: Send, headers: RawHeaders) -> int:
        status = 500
        begun = False
        body = _Coming(receive)

        async def with_headers(message: Any) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                message["headers"] = [*headers, *message["headers"]]
            await send(message)

        try:
            with self._bodies.hold() as held:
                await self._app(scope, body.receiving(held), with_headers)
            if body.refused is not None and not begun:
                return await _answer(send, body.refused.status, headers, error_body(str(body.refused)))
        except Exception as error:
            _log.exception("request failed", error, method=scope["method"], uri=scope["path"])
            if begun:
                raise
            return await _answer(send, 500, headers, error_body(_INTERNAL))
        return status


def is_open(method: str, path: str) -> bool:
    """Whether a request is answered whoever sends it."""
    if method not in ("GET", "HEAD"):
        return False
    return path in OPEN or path in CONSOLE or (path.startswith("/ui/") and clean_path(path) == path)


def routed_path(path: str, raw: bytes) -> str:
    """The path by which a request is let in and routed: SLASH stands for slashes that were written as %2F.

    path: with nothing escaped. raw: as it came.
    """
    if b"%2f" not in raw.lower():
        return path.replace(SLASH, "\N{REPLACEMENT CHARACTER}") if SLASH in path else path
    parts = (unquote(part.decode("latin-1")) for part in raw.split(b"/"))
    return "/".join(part.replace(SLASH, "\N{REPLACEMENT CHARACTER}").replace("/", SLASH) for part in parts)


def clean_path(path: str) -> str:
    """The shortest path that means the same: no empty, `.` or `..` segments. A trailing slash stays."""
    if "//" not in path and "/." not in path and path[:1] == "/":
        return path
    clean = posixpath.normpath("/" + path).replace("//", "/", 1)
    return clean if clean == "/" or not path.endswith("/") else clean + "/"


async def _redirect(send: Send, headers: RawHeaders, method: str, path: str, query: bytes) -> int:
    """Send on to another path; for people there is a link, as Go's net/http makes it."""
    location = "%2F".join(map(quote, path.split(SLASH))) + (f"?{query.decode('latin-1')}" if query else "")
    body = b""
    headers.append((b"location", location.encode("latin-1")))
    if method in ("GET", "HEAD"):
        headers.append((b"content-type", b"text/html; charset=utf-8"))
    if method == "GET":
        link = location.translate(_ESCAPES)
        body = f'<a href="{link}">Moved Permanently</a>.\n\n'.encode("latin-1")
    headers.append((b"content-length", str(len(body)).encode()))
    await _sender(send)(301, headers, body)
    return 301


async def _answer(send: Send, status: int, headers: RawHeaders, body: bytes) -> int:
    await _sender(send)(status, Answer(status, body).all_headers(headers), body)
    return status


def _sender(send: Send) -> SendAnswer:
    async def answer(status: int, headers: RawHeaders, body: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return answer


def _reader(receive: Receive) -> ReadBody:
    async def read(limit: int, held: Held) -> bytes:
        chunks: list[bytes] = []
        size = 0
        deadline, more = BodyDeadline(), True
        while more:
            async with deadline.wait():
                message = await receive()
            if message["type"] != "http.request":
                raise ClientDisconnected
            chunk: bytes = message["body"]
            more = message.get("more_body", False)
            size += len(chunk)
            deadline.received(len(chunk))
            if size > limit:
                # The rest is read and dropped: a client that is still sending would not see an answer.
                chunks.clear()
            elif chunk:
                held.grow(size)
                chunks.append(chunk)
        if size > limit:
            raise too_large(size, limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    return read


class _Coming:
    """A body on its way to the app, which hears that the client has hung up where it does not come as it should."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.refused: RequestRejected | None = None

    def receiving(self, held: Held) -> Receive:
        size = 0
        deadline, more = BodyDeadline(), True

        async def receive() -> Any:
            nonlocal size, more
            if not more:
                return await self._receive()
            try:
                async with deadline.wait():
                    message = await self._receive()
                chunk = message.get("body", b"")
                size += len(chunk)
                deadline.received(len(chunk))
                held.grow(size)
            except RequestRejected as refused:
                self.refused = refused
                return {"type": "http.disconnect"}
            more = message.get("more_body", False)
            return message

        return receive


def _log_request(client: str, request: LoggedRequest, user: User | None, status: int, name: str, started: int) -> None:
    who = f"{logs.logfmt(username=user.name)} {request.who}" if user is not None else request.who
    took = f"{(time.perf_counter_ns() - started) / 1000:.0f}µs"
    _log.often(
        "http request",
        f"host={client} {request.what} status={status} {who} request-id={name} duration={took}",
    )
