"""Lines of line protocol as Kapacitor's httpOut shows points, to be held against what it has shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from grammar.golang.times import format_rfc3339
from services.lineprotocol import reference_parser

Shown = tuple[str, dict[str, str], dict[str, Any], str]

_PART = re.compile(rb"(?:[^\\,]|\\.)+")
_EQUALS = re.compile(rb"(?<!\\)=")


def shown(body: bytes) -> list[Shown]:
    """Measurement, tags, fields and time of each point, in a fixed order."""
    points = []
    for line in reference_parser.lines(body):
        key, fields, time = reference_parser.parse(line, 1)
        name, *tags = _PART.findall(key)
        pairs = dict(map(reference_parser.unescape_name, _EQUALS.split(tag, 1)) for tag in tags)
        assert time is not None
        points.append(
            (reference_parser.unescape_name(name), pairs, reference_parser.field_values(fields), format_rfc3339(time))
        )
    return in_order(points)


def in_order(points: Iterable[Any]) -> list[Any]:
    """The same points, whatever order they came in."""
    return sorted(
        map(tuple, points), key=lambda point: (point[0], *(sorted(part.items()) for part in point[1:3]), point[3])
    )
