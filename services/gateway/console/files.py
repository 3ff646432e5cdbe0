"""The console's files, as they are sent."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".tick": "text/plain; charset=utf-8",
}

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # asked for again each time, and answered with 304: a page is never made of files of two versions for long
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
"""Of each file: the page loads nothing of others, runs nothing that stands in it, and is in no frame."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file. tag: names its content, for ETag. zipped: by gzip, the same where that makes it no smaller."""

    content_type: str
    body: bytes
    zipped: bytes
    tag: str


def names() -> frozenset[str]:
    """All files, by their paths below /ui/."""
    return frozenset(_paths())


@cache
def static_file(name: str) -> StaticFile | None:
    """A file by its path below /ui/; None where there is none."""
    path = _paths().get(name)
    if path is None:
        return None
    body = path.read_bytes()
    zipped = gzip.compress(body, mtime=0)
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return StaticFile(_TYPES[path.suffix], body, min(zipped, body, key=len), tag)


@cache
def _paths() -> Mapping[str, Path]:
    """Names are looked up here alone: none leads out of the folder."""
    found = (path for path in STATIC.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(STATIC).as_posix(): path for path in found}
