"""Giving each line its time."""

from __future__ import annotations

import re

from services.lineprotocol import reference_parser

_PLAIN = re.compile(rb"(?:[^\n\"\\ #][^\n\"\\ ]*+ [^\n\"\\ ]++ -?[0-9]++(?:\n|\Z))+")


def with_times(body: bytes, now: int) -> tuple[bytes, int]:
    """Valid line protocol in nanoseconds with `now` as the time of lines that say none, without comments and blank
    lines and without a line break at the end; and how many points it has."""
    if _PLAIN.fullmatch(body):
        body = body.removesuffix(b"\n")
        return body, body.count(b"\n") + 1
    timed = []
    for line in reference_parser.lines(body):
        key, fields, time = reference_parser.parse(line, 1)
        timed.append(b"%b %b %d" % (key, fields, now if time is None else time))
    return b"\n".join(timed), len(timed)
