"""What every answer has in common: headers, JSON, errors."""

from __future__ import annotations

import functools
import itertools
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from quart import Response

from grammar.golang.json_writer import encode
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import VERSION

JSON = b"application/json; charset=utf-8"

RETRY_AFTER_SECONDS = 1

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is HTTP: its status, its body (JSON or plain text), and headers beyond the common ones."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def all_headers(self, common: RawHeaders) -> RawHeaders:
        """With those that every answer has before them, and those of the body behind; a 204 has none."""
        common += self.headers
        if self.status != 204:
            if self.body:
                common.append((b"content-type", JSON))
            common.append((b"content-length", str(len(self.body)).encode()))
        return common


_VERSION_HEADER = (b"x-kapacitor-version", VERSION.encode())
_CORS = [
    (b"access-control-allow-methods", b"DELETE, GET, OPTIONS, POST, PATCH"),
    (
        b"access-control-allow-headers",
        b"Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
    ),
]
_requests = itertools.count(1)


def request_id() -> str:
    """A name for one request, unique over all gateways: it stands in the answer's Request-Id and in the access log."""
    return f"{_process()}-{next(_requests):x}"


@functools.cache
def _process() -> str:
    """The name of this process: not made when it is imported, since gateways are forked after that."""
    return secrets.token_hex(8)


def common_headers(
    request_headers: Iterable[tuple[bytes, bytes]], request_id: str, listed: Callable[[bytes], bool]
) -> RawHeaders:
    """The headers of every answer: version, request id, and CORS' where the request names an origin that is listed."""
    headers: RawHeaders = [_VERSION_HEADER, (b"request-id", request_id.encode())]
    for name, value in request_headers:
        if name == b"origin" and value and listed(value):
            headers.append((b"access-control-allow-origin", value))
            headers += _CORS
            break
    return headers


def to_json(value: Any) -> bytes:
    """JSON as the API gives it, laid out for reading. Raises TypeError and CallError for what JSON cannot hold."""
    return encode(value, indented=True)


def error_body(text: str) -> bytes:
    """`{"error": …}`, the body of every error but those of /write."""
    return to_json({"error": text})


def answer(status: int, body: Any = None) -> Response:
    """An answer in JSON; without a body an empty one."""
    return Response(b"" if body is None else to_json(body), status, content_type=JSON.decode())


async def error_answer(refusal: OperationError) -> Response:
    """The answer to a command that is refused; a 503 says when to try again."""
    response = answer(refusal.status, {"error": str(refusal)})
    if refusal.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


NOT_FOUND = error_body("Not Found")
