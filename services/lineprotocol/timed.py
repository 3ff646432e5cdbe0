"""Giving each line its time, in nanoseconds."""

from __future__ import annotations

import re

from services.lineprotocol import reference_parser

_PLAIN = re.compile(rb"(?:[^\n\"\\ #][^\n\"\\ ]*+ [^\n\"\\ ]++ -?[0-9]++(?:\n|\Z))+")
_NANOSECONDS = re.compile(rb"(?:[^\n\"\\ #][^\n\"\\ ]*+ [^\n\"\\ ]++ -?[1-9][0-9]{16,18}(?:\n|\Z))+")
"""Plain lines whose times are so large that they can be nothing else."""
_UNITS = ((5 * 10**9, 10**9), (5 * 10**12, 10**6), (5 * 10**15, 10**3))
"""Times below the first number, whatever their sign, are in units of so many nanoseconds."""


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


def in_nanoseconds(body: bytes) -> bytes:
    """Valid line protocol with its times in nanoseconds, where their precision is not known: as InfluxDB 3 has it, that
    of each follows from how large it is. Lines without one have none."""
    if _NANOSECONDS.fullmatch(body):
        return body
    return b"\n".join(map(_line, reference_parser.lines(body)))


def _line(line: bytes) -> bytes:
    key, fields, time = reference_parser.parse(line, 1)
    return b"%b %b" % (key, fields) if time is None else b"%b %b %d" % (key, fields, time * _unit(abs(time)))


def _unit(size: int) -> int:
    return next((unit for below, unit in _UNITS if size < below), 1)
