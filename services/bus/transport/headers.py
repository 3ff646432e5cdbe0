"""NATS message headers, as the bytes that stand on the wire."""

from __future__ import annotations

import functools
from collections.abc import Mapping

_VERSION = b"NATS/1.0"
_FORBIDDEN_IN_KEY = frozenset(' :\r\n\t"')


def encode(headers: Mapping[str, str] | None) -> bytes:
    """Headers as bytes, empty for none. ValueError for a line break in a value or a bad key."""
    if not headers:
        return b""
    text = "NATS/1.0\r\n"
    for key, value in headers.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"line break in the header {key}")
        text += f"{_checked(key)}: {value}\r\n"
    return f"{text}\r\n".encode()


@functools.lru_cache(maxsize=256)
def _checked(key: str) -> str:
    """The name of a header. Raises ValueError where it is none."""
    if not key or not key.isascii() or not _FORBIDDEN_IN_KEY.isdisjoint(key):
        raise ValueError(f"not a header name: {key!r}")
    return key


def decode(raw: bytes | None) -> dict[str, str] | None:
    """Headers of a message, None where it has none. A key that comes twice has its last value."""
    if not raw:
        return None
    headers = {}
    lines = raw.decode("utf-8", "replace").split("\r\n")
    for at in range(1, len(lines) - 2):
        key, _, value = lines[at].partition(":")
        headers[key] = value.strip()
    return headers or None


def status(raw: bytes | None) -> int:
    """The server's status code of a message (404, 408, 409, 503 …), 0 for an ordinary one."""
    if not raw or raw[8:9] != b" " or not raw.startswith(_VERSION):
        return 0
    code = raw[9:12]
    return int(code) if code.isdigit() else 0


def status_text(raw: bytes | None) -> str:
    """The server's words with a status, "" where it says none."""
    if not raw or raw[8:9] != b" ":
        return ""
    return raw[13 : raw.find(b"\r\n")].decode("utf-8", "replace").strip()
