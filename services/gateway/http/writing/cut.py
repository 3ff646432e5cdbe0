"""Cutting line protocol into messages that fit the bus, at line ends only."""

from __future__ import annotations

import re

# Lines whose end can be told at a glance: without quotes and backslashes, or with strings as whole field values.
# A string may hold line breaks.
_PLAIN_LINES = re.compile(
    rb"""(?:
      [^"\\\n]*+\n
    | [^"\\\n ]++\ (?:[^"\\\n=, ]++=(?:"(?:[^"\\]|\\.)*+"|[^"\\\n=, ]*+),?+)++[^"\\\n=,]*+\n
    )*+""",
    re.DOTALL | re.VERBOSE,
)
_TOKEN = re.compile(rb'\\.?|[ =,"\n]', re.DOTALL)


class LineTooLong(Exception):
    """One line alone does not fit; str() names it."""


def cut(body: bytes, limit: int) -> list[bytes]:
    """The body in pieces of at most `limit` bytes, each ending where a line ends. One piece where it fits whole.

    The body must be valid line protocol; the same body is always cut in the same way. Raises LineTooLong.
    """
    parts = []
    start, size = 0, len(body)
    while size - start > limit:
        end = _PLAIN_LINES.match(body, start, start + limit).end()  # type: ignore[union-attr]
        if end == start:
            end = _line_end(body, start)
        if end - start > limit:
            excerpt = body[start : start + 60].decode("utf-8", "replace")
            raise LineTooLong(f"unable to write '{excerpt}…': the line alone takes {end - start} bytes")
        parts.append(body[start:end])
        start = end
    if start < size:
        parts.append(body[start:] if start else body)
    return parts


def _line_end(body: bytes, start: int) -> int:
    """Where the line that begins at `start` ends, its line break included.

    A quote opens or closes a string only after the line's first space and while more `=` than `,` were seen, so that
    quotes in names are plain bytes: Kapacitor's own rule.
    """
    fields = quoted = False
    depth = 0
    for token in _TOKEN.finditer(body, start):
        text = token.group()
        if text == b"\n" and not quoted:
            return token.end()
        if text == b" ":
            fields = True
        elif text == b'"':
            quoted ^= fields and depth > 0
        elif fields and not quoted:
            depth += (text == b"=") - (text == b",")
    return len(body)
