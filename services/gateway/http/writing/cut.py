"""Cutting line protocol into messages that fit the bus, at line ends only."""

from __future__ import annotations

import re

from services.lineprotocol.reference_parser import line_end

# Lines whose end can be told at a glance: without quotes and backslashes, or with strings as whole field values.
# A string may hold line breaks.
_PLAIN_LINES = re.compile(
    rb"""(?:
      [^"\\\n]*+\n
    | [^"\\\n ]++\ (?:[^"\\\n=, ]++=(?:"(?:[^"\\]|\\.)*+"|[^"\\\n=, ]*+),?+)++[^"\\\n=,]*+\n
    )*+""",
    re.DOTALL | re.VERBOSE,
)


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
            end = min(line_end(body, start) + 1, size)
        if end - start > limit:
            excerpt = body[start : start + 60].decode("utf-8", "replace")
            raise LineTooLong(f"unable to write '{excerpt}…': the line alone takes {end - start} bytes")
        parts.append(body[start:end])
        start = end
    if start < size:
        parts.append(body[start:] if start else body)
    return parts
