"""The base of handlers that post to a service elsewhere: the post, what is sent with it, and what its answer means."""

from __future__ import annotations

import base64
import json
import posixpath
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from grammar.golang.errors import CallError
from grammar.golang.json_writer import to_json
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.transports.http import HttpResponse
from services.alerting.transports.tls import Tls, tls_of
from services.process.permissions import Guard, NotPermitted

O = TypeVar("O")  # noqa: E741 - a handler's options

JSON = {"Content-Type": "application/json"}

_IN_PATH = "/$&+,:;=@!'()*~"


class HttpService(AlertHandler[O]):
    """service: its name, as errors have it. error_key: what the reason is called in an answer that refuses."""

    service: ClassVar[str]
    error_key: ClassVar[str] = "error"

    async def post(
        self, context: HandlerContext, url: str, body: Any, section: Any, headers: Mapping[str, str] = JSON
    ) -> None:
        """Post a value as Go writes it as JSON, with the TLS settings of the section. Every 2xx counts as taken; else
        raises what `problem` says."""
        await self.post_bytes(context, url, encoded(body), tls_of(section), {**JSON, **headers})

    async def post_bytes(
        self, context: HandlerContext, url: str, body: bytes, tls: Tls, headers: Mapping[str, str]
    ) -> None:
        """The same for a body that is written already."""
        answer = await context.post(url, headers, body, tls)
        if not answer.taken:
            raise self.problem(answer)

    def problem(self, answer: HttpResponse) -> Unsent | Rejected:
        """What an answer means that is none of 2xx: whether to try again follows from its status, the text is what it
        has under `error_key`."""
        message = json_object(answer.body).get(self.error_key)
        return answer.problem(message if isinstance(message, str) else self.unclear(answer))

    def unclear(self, answer: HttpResponse) -> str:
        """The error where an answer is not understood."""
        text = answer.body.decode("utf-8", "replace")
        return f"failed to understand {self.service} response. code: {answer.status} content: {text}"


def joined(url: str, *parts: str) -> str:
    """The URL with more parts of a path, slashes in them and dots cleaned as paths of files are; its query stays."""
    try:
        split = urlsplit(url)
    except ValueError as error:
        raise Rejected(f"invalid URL: {error}") from error
    path = posixpath.normpath("/".join(part for part in (unquote(split.path), *parts) if part))
    path = "/" + path.lstrip("/.")
    return urlunsplit(split._replace(path=quote(path, safe=_IN_PATH)))


def encoded(body: Any) -> bytes:
    """One line of JSON as Go writes it. Rejected where a value has none (NaN)."""
    try:
        return to_json(body).encode("utf-8", "replace") + b"\n"
    except CallError as error:
        raise Rejected(str(error)) from error


def json_object(answer: bytes) -> Mapping[str, Any]:
    """The object that an answer is, empty where it is none."""
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def cut(text: str, most: int) -> str:
    """So many bytes of a text, no character of it halved."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")


def basic(username: str, password: str) -> dict[str, str]:
    """The header that logs in; none where one of both is missing."""
    if not username or not password:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def keep_credentials(guard: Guard, url: str, configured: str) -> None:
    """Rejected where an alert's own URL would be sent the configuration's credentials, and must not be."""
    try:
        guard.keeps(url, configured)
    except NotPermitted as error:
        raise Rejected(str(error)) from error
