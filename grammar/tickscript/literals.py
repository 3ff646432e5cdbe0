"""Literals: what their texts mean, and how values are written.

Durations are whole nanoseconds in the range of a signed 64-bit number.
"""

from __future__ import annotations

import re
from math import isinf

from grammar.golang.numbers import plain_float

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

INT64_MAX = 2**63 - 1


def parse_number(text: str) -> tuple[int | float, int]:
    """An unsigned number literal as (value, base): `10` is an int, `017` an int of base 8, `1.`, `.5` floats.

    ValueError where it has no value, such as `09` or one that does not fit 64 bits.
    """
    if len(text) > _LONGEST:
        raise ValueError(f'illegal number syntax: "{text[:_LONGEST]}…"')
    if text.isascii():
        if "." in text:
            value = float(text)
            if not isinf(value):
                return value, 10
        else:
            base = 8 if len(text) > 1 and text[0] == "0" else 10
            if base == 10 or not _NOT_OCTAL.search(text):
                number = int(text, base)
                if number <= INT64_MAX:
                    return number, base
    raise ValueError(f'illegal number syntax: "{text}"')


def parse_duration(text: str) -> int:
    """`90s`, `1h30m`, `-5m`: nanoseconds. Units are u or µ, ms, s, m, h, d and w; only whole numbers.

    ValueError for anything else, and for what does not fit 64 bits.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError("invalid duration")
    if len(text) > _LONGEST:
        raise ValueError("invalid duration")
    total = 0
    for number, unit in _DURATION_PART.findall(text):
        total += int(number) * _UNITS[unit]
        if int(number) > INT64_MAX:
            raise ValueError("invalid duration")
        if total > INT64_MAX:
            raise ValueError(f"overflowed duration {int(number)}{unit}: choose a smaller duration or INF")
    return -total if text[0] == "-" else total


def format_duration(ns: int) -> str:
    """A duration as TICKscript writes it, in the largest unit that holds it exactly: 48 hours are `2d`.

    What is finer than a microsecond is cut off.
    """
    if ns == 0:
        return "0s"
    for size, unit in _WRITTEN_UNITS:
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{abs(ns) // MICROSECOND * (1 if ns > 0 else -1)}u"


def format_float(value: float) -> str:
    """A finite float as TICKscript writes it: all its digits and no exponent, `3` as `3.0`."""
    text = plain_float(value)
    return text if "." in text else text + ".0"


def parse_string(text: str) -> tuple[str, bool]:
    """A string literal as (value, whether in triple quotes). Only `\\'` is an escape, and none in triple quotes."""
    if len(text) >= 6 and text.startswith("'''"):
        return text[3:-3], True
    return text[1:-1].replace("\\'", "'"), False


def format_string(value: str, triple: bool) -> str:
    """A string literal; a value that single quotes cannot hold goes into triple ones."""
    if triple or (value.endswith("\\") and "'''" not in value):
        return f"'''{value}'''"
    return "'" + value.replace("'", "\\'") + "'"


def parse_reference(text: str) -> str:
    """The name in a `"reference"`; only `\\"` is an escape."""
    return text[1:-1].replace('\\"', '"')


def format_reference(name: str) -> str:
    return '"' + name.replace('"', '\\"') + '"'


def parse_regex(text: str) -> str:
    """The pattern in a `/regex/`; only `\\/` is an escape."""
    return text[1:-1].replace("\\/", "/")


def format_regex(pattern: str) -> str:
    return "/" + pattern.replace("/", "\\/") + "/"


_UNITS = {
    "u": MICROSECOND,
    "µ": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": WEEK,
}
_WRITTEN_UNITS = (
    (WEEK, "w"),
    (DAY, "d"),
    (HOUR, "h"),
    (MINUTE, "m"),
    (SECOND, "s"),
    (MILLISECOND, "ms"),
)
_DURATION = re.compile(r"-?(?:[0-9]+(?:ms|[uµsmhdw]))+")
_DURATION_PART = re.compile(r"([0-9]+)(ms|[uµsmhdw])")
_LONGEST = 1000  # characters of a number or a duration: more digits than any has that fits 64 bits
_NOT_OCTAL = re.compile("[^0-7]")
