"""A series key as written (measurement and tags) to its parts."""

from __future__ import annotations

import re

from services.lineprotocol.text import decode

_COMMA = re.compile(rb"(?<!\\),")
_EQUALS = re.compile(rb"(?<!\\)=")
_NAME_ESCAPE = re.compile(rb'\\([," =])')
_TAG_ESCAPE = re.compile(rb"\\([, =])")


def parse_key(raw: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Measurement, and tags sorted by key, escapes resolved.

    Never raises: of a key that is not valid, tags without a value are left out. Bytes that are not UTF-8 become
    U+FFFD, one each. Where escapes make two tag keys equal, the last one counts, as in the reference.
    """
    name, *tags = _COMMA.split(raw)
    if b"\\" in name:
        name = _NAME_ESCAPE.sub(rb"\1", name)
    found: dict[str, str] = {}
    for tag in tags:
        match = _EQUALS.search(tag)
        if match is None or match.end() == len(tag):
            continue
        key, value = tag[: match.start()], tag[match.end() :]
        if b"\\" in tag:
            key, value = _TAG_ESCAPE.sub(rb"\1", key), _TAG_ESCAPE.sub(rb"\1", value)
        found[decode(key)] = decode(value)
    return decode(name), tuple(sorted(found.items()))


def tag_names(raw: bytes) -> list[bytes]:
    """The tag keys as written, in that order."""
    return [_EQUALS.split(tag, 1)[0] for tag in _COMMA.split(raw)[1:]]
