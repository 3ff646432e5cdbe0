"""A series key as written (measurement and tags) to its parts."""

from __future__ import annotations

import re
import sys

from services.lineprotocol.text import decode

_COMMA = re.compile(rb"(?<!\\),")
_EQUALS = re.compile(rb"(?<!\\)=")
_NAME_ESCAPE = re.compile(rb'\\([," =])')
_TAG_ESCAPE = re.compile(rb"\\([, =])")

Tag = tuple[str, str]
_NO_TAG = ("", "")
_MOST_KNOWN = 1 << 16


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


class Tags:
    """The tags of keys, each of them one object in all the keys that have it: most of them repeat.

    Each is taken apart once, and found by its text from then on.
    """

    def __init__(self) -> None:
        self._known: dict[str, Tag] = {}

    def parse_key(self, raw: bytes) -> tuple[str, tuple[Tag, ...]]:
        """As the function does."""
        if b"\\" in raw:
            return parse_key(raw)
        name, *texts = decode(raw).split(",")
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        known = self._known
        tags = [known.get(text) or self._first(text) for text in texts]
        tags.sort()
        if len(dict(tags)) < len(tags) or _NO_TAG in tags:
            return parse_key(raw)
        return name, tuple(tags)

    def forget(self) -> None:
        """Find none of them any more."""
        self._known.clear()

    def _first(self, text: str) -> Tag:
        key, _, value = text.partition("=")
        if not value:
            return _NO_TAG
        tag = self._known[text] = sys.intern(key), value
        return tag


def tag_names(raw: bytes) -> list[bytes]:
    """The tag keys as written, in that order."""
    return [_EQUALS.split(tag, 1)[0] for tag in _COMMA.split(raw)[1:]]
