"""Reading the query of a URL as Go's net/url does: whatever is wrong in it counts as left out."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_WRONG = re.compile(rb";|%(?![0-9A-Fa-f]{2})")


def read_query(query: bytes) -> dict[str, list[str]]:
    """All values of each name, in their order. Parts with a semicolon or a broken escape are passed over."""
    found: dict[str, list[str]] = {}
    for part in query.split(b"&"):
        if part and not _WRONG.search(part):
            name, _, value = part.partition(b"=")
            found.setdefault(_text(name), []).append(_text(value))
    return found


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "replace")
