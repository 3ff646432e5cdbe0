"""A point of another protocol as line protocol."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from services.lineprotocol.reference_parser import MAX_KEY_LENGTH, MAX_TIME, MIN_TIME
from services.lineprotocol.validate import check
from services.lineprotocol.write import encode

_WORD = re.compile(r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
# A line without anything that had to be escaped and without a name that is empty: there can be no mistake in it.
_PLAIN = re.compile(rb"(?![#, ])[^\"\\\n\t\0]*+")


class NoPoint(ValueError):
    """There can be no such point."""


def words(text: str) -> list[str]:
    """strings.Fields of Go: what stands between white space."""
    return _WORD.findall(text)


def line_of(name: str, tags: Mapping[str, str], field: str, value: float, time: int) -> bytes:
    """The line of a point with one field; time in ns. Tags without a value are left out.

    Raises NoPoint where line protocol has no way to write it.
    """
    if not math.isfinite(value):
        raise NoPoint(f"unsupported value {value}")
    line = encode(name, tags.items(), {field: value}, time)
    plain = _PLAIN.fullmatch(line) and b",=" not in line and b" =" not in line
    if not plain or len(line) > MAX_KEY_LENGTH or not MIN_TIME <= time <= MAX_TIME:
        error = "it would be a comment" if line.lstrip(b" \t\0").startswith(b"#") else check(line, "n")
        if error is not None:
            raise NoPoint(f"{name[:100]!r} cannot be written as line protocol: {error[:200]}")
    return line
