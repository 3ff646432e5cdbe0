"""The head of a POST /write: from ASGI, or straight from the bytes of a plain request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from services.gateway.http.answers import RawHeaders
from services.gateway.operations.paths import BASE, PREVIEW, V2_WRITE, V3_WRITE
from services.process import log as logs

WRITE_PATHS = frozenset({"/write", f"{BASE}/write", f"{PREVIEW}/write", V2_WRITE, V3_WRITE})


_PASSWORD = re.compile(rb"(?:^|(?<=&))(p|%70)=[^&]+")
_REDACTED = rb"\1=[REDACTED]"


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """What the access log says of a request, as logfmt: what was asked for, and by which program. No password."""

    what: str
    who: str

    @classmethod
    def of(cls, method: str, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]], version: str) -> Self:
        """What the access log says of a request; passwords in its query are left out."""
        redacted = _PASSWORD.sub(_REDACTED, query).decode("latin-1")
        uri = f"{path}?{redacted}" if query else path
        agent = next((value for name, value in headers if name == b"user-agent"), b"-").decode("latin-1")
        what = logs.logfmt(method=method, uri=uri, protocol=f"HTTP/{version}")
        return cls(what, logs.logfmt(**{"user-agent": agent}))


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What matters of a head. Header names are in lower case; gzip: how the body is encoded; key: Idempotency-Key."""

    path: str
    query: bytes
    headers: RawHeaders
    gzip: bool
    key: bytes
    logged: LoggedRequest

    @classmethod
    def of(cls, path: str, query: bytes, headers: RawHeaders, version: str) -> Self:
        """What a write's path, query and headers say of it."""
        last = dict(headers)
        gzip = last.get(b"content-encoding") == b"gzip"
        key = last.get(b"idempotency-key", b"").strip()
        return cls(path, query, headers, gzip, key, LoggedRequest.of("POST", path, query, headers, version))


@dataclass(frozen=True, slots=True)
class PlainHead:
    """A head that stands at the beginning of some bytes: its request, its own size and its body's, in bytes."""

    request: WriteRequest
    size: int
    length: int


_LONGEST_HEAD = 4096
_LONGEST_KEPT, _MOST_KEPT = 1024, 1000
_kept: dict[bytes, PlainHead] = {}

_FIRST_LINE = re.compile(rb"POST (%b)\?([!-~]*) HTTP/1\.1" % b"|".join(path.encode() for path in sorted(WRITE_PATHS)))
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[!-~](?:[ -~\t]*[!-~])?)?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,15}")

# With one of these, HTTP wants more of a server than to read the body and to answer.
_NOT_PLAIN = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"http2-settings", b"te", b"trailer"})


def plain_head(data: bytes) -> PlainHead | None:
    """The head of a write that these bytes begin with. None where they begin with anything else, or with a head that
    is not whole, is long, is not beyond doubt, or asks for more than keeping the connection: the HTTP library knows
    what to do then.
    """
    if not data.startswith(b"POST /"):
        return None
    end = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        return None
    text = data[:end]
    head = _kept.get(text)
    if head is None:
        head = _parsed(text)
        # Clients repeat themselves; what differs each time is not worth keeping.
        if head is not None and end <= _LONGEST_KEPT and not head.request.key:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[text] = head
    return head


def _parsed(text: bytes) -> PlainHead | None:
    lines = text.split(b"\r\n")
    first = _FIRST_LINE.fullmatch(lines[0])
    if first is None:
        return None
    headers: RawHeaders = []
    for line in lines[1:]:
        header = _HEADER.fullmatch(line)
        if header is None:
            return None
        headers.append((header[1].lower(), header[2]))
    names = [name for name, _ in headers]
    values = dict(headers)
    if names.count(b"host") != 1 or names.count(b"content-length") != 1 or not _NOT_PLAIN.isdisjoint(names):
        return None
    if values.get(b"connection", b"keep-alive").lower() != b"keep-alive" or names.count(b"connection") > 1:
        return None
    if not _LENGTH.fullmatch(values[b"content-length"]):
        return None
    request = WriteRequest.of(first[1].decode(), first[2], headers, "1.1")
    return PlainHead(request, len(text) + 4, int(values[b"content-length"]))
