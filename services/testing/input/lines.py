"""Line protocol as tests write it: with times that may be left out, or be since the start."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.lineprotocol import reference_parser
from services.lineprotocol.reference_parser import LineError, multiplier
from services.lineprotocol.series_key import parse_key
from services.testing.input.times import parse_time

_TIME = re.compile(rb"\s(\+?@?(?:\d+(?:ns|us|u|\xc2\xb5|ms|s|m|h|d|w))+|@0|\d{4}-\d\d-\d\dT[^\s\x22]+)\s*$")
_PRECISIONS = {"ns": "n", "us": "u"}
_FILE_TIME = re.compile(rb"\s(-?\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A point as written, and its time, ns. arrives: when it comes, ns: with its time, or now where that has passed."""

    text: bytes
    time: int
    arrives: int


def read_lines(text: str, precision: str, start: int, now: int) -> Iterator[Line]:
    """The points of a text, in order. precision: of times that are plain numbers. now: ns, when the first comes.

    Raises ValueError, with the line, for what is no line protocol.
    """
    unit, before = multiplier(_PRECISIONS.get(precision, precision)), now
    for raw in reference_parser.lines(text.encode()):
        try:
            found = _line(raw, unit, start, before, now)
        except (LineError, ValueError) as error:
            raise ValueError(f"{raw.decode('utf-8', 'replace')!r}: {error}") from None
        before, now = found.time, found.arrives
        yield found


def first_time(text: str, precision: str) -> int | None:
    """The first time of a text that is by the calendar, ns; None where there is none, or it is none."""
    unit = multiplier(_PRECISIONS.get(precision, precision))
    for raw in reference_parser.lines(text.encode()):
        given = _TIME.search(raw)
        if given is not None and b"T" in given[1]:
            with contextlib.suppress(ValueError):
                return parse_time(given[1].decode(), 0, 0)
            return None
        if given is None and (plain := _FILE_TIME.search(raw)) is not None and b"=" not in plain[1]:
            return int(plain[1]) * unit
    return None


def point_of(text: bytes, time: int) -> dict[str, object]:
    """A line's parts: {"name", "tags", "fields", "time" (ns)}. Raises LineError."""
    key, fields, _ = reference_parser.parse(text, 1)
    name, tags = parse_key(key)
    return {"name": name, "tags": dict(tags), "fields": reference_parser.field_values(fields), "time": time}


def _line(raw: bytes, unit: int, start: int, before: int, now: int) -> Line:
    given = _TIME.search(raw)
    if given is not None:
        time = parse_time(given[1].decode(), start, before)
        raw = raw[: given.start()]
        reference_parser.parse(raw, unit)
    else:
        key, fields, own = reference_parser.parse(raw, unit)
        time, raw = now if own is None else own, key + b" " + fields
    return Line(b"%s %d" % (raw.rstrip(), time), time, max(now, time))
