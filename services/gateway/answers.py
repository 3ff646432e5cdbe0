"""What every answer has in common: headers, JSON, errors."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable
from typing import Any

import orjson

VERSION = "1.5.7"
"""The version of Kapacitor's API that is spoken; clients choose their behaviour by it."""

JSON = b"application/json; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

RawHeaders = list[tuple[bytes, bytes]]

_VERSION_HEADER = (b"x-kapacitor-version", VERSION.encode())
_CORS = [
    (b"access-control-allow-methods", b"DELETE, GET, OPTIONS, POST, PATCH"),
    (
        b"access-control-allow-headers",
        b"Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
    ),
]
_PROCESS = secrets.token_hex(8)
_requests = itertools.count(1)


def request_id() -> str:
    """A name for one request, unique over all gateways: it stands in the answer's Request-Id and in the access log."""
    return f"{_PROCESS}-{next(_requests):x}"


def common_headers(request_headers: Iterable[tuple[bytes, bytes]], request_id: str) -> RawHeaders:
    """The headers of every answer: version, request id, and CORS' where the request names its origin."""
    headers: RawHeaders = [_VERSION_HEADER, (b"request-id", request_id.encode())]
    for name, value in request_headers:
        if name == b"origin" and value:
            headers.append((b"access-control-allow-origin", value))
            headers += _CORS
            break
    return headers


def to_json(value: Any) -> bytes:
    """JSON as the API gives it, laid out for reading.

    Raises TypeError for what JSON cannot hold. Infinite and undefined numbers become null: whoever lets them through
    to here must have refused them before.
    """
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def error_body(text: str) -> bytes:
    """`{"error": …}`, the body of every error but those of /write."""
    return to_json({"error": text})


NOT_FOUND = error_body("Not Found")
