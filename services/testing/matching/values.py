"""A value held against what was expected of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from grammar.golang.times import parse_rfc3339
from services.testing.input.times import parse_length, parse_time

ABSENT = object()
"""Stands for what is not there."""

LITERAL = "= "
"""Before a text that is to be taken as it is."""
ANYTHING = "*"
"""Anything that is there."""

_ABOUT = re.compile(r"~\s*(?P<value>[-+]?[\d.][\d.eE+-]*?)(?:\s*(?:±|\+-|\+/-)\s*(?P<within>[\d.eE+-]+))?\s*")


@dataclass(frozen=True, slots=True)
class Difference:
    """path: keys and numbers within the item. got: ABSENT where there is nothing, as `expected` where too much is."""

    path: tuple[str | int, ...]
    expected: Any
    got: Any


def differences(
    expected: Any, got: Any, start: int, exactly: bool = False, path: tuple[str | int, ...] = ()
) -> Iterator[Difference]:
    """Where a value is not as expected. start: ns, of the test, which times count from.

    A mapping has the keys that are named, and with `exactly` no others. A list has as many items, each as expected.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            yield from differences(value, got.get(key, ABSENT), start, exactly, (*path, key))
        if exactly:
            for key in got.keys() - expected.keys():
                yield Difference((*path, key), ABSENT, got[key])
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for i, (value, one) in enumerate(zip(expected, got, strict=True)):
            yield from differences(value, one, start, exactly, (*path, i))
    elif not _alike(expected, got, start, path):
        yield Difference(path, expected, got)


def _alike(expected: Any, got: Any, start: int, path: tuple[str | int, ...]) -> bool:
    if expected is None:
        return got is None or got is ABSENT
    if got is ABSENT:
        return False
    if isinstance(expected, str):
        return _text(expected, got, start, path)
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return expected == got
    return type(expected) is type(got) and bool(expected == got)


def _text(expected: str, got: Any, start: int, path: tuple[str | int, ...]) -> bool:
    if expected.startswith(LITERAL):
        return bool(got == expected[len(LITERAL) :])
    if expected in (ANYTHING, got):
        return True
    if about := _ABOUT.fullmatch(expected):
        return _about(about["value"], about["within"], got)
    if not isinstance(got, str):
        return False
    if len(expected) > 1 and expected[0] == expected[-1] == "/":
        return _matches(expected[1:-1], got)
    if path and path[-1] == "duration":
        return _same_length(expected, got)
    return _same_time(expected, got, start)


def pattern_error(expected: Any) -> str:
    """Why a pattern or a tolerance cannot be used; "" where it can, or where it is none."""
    if isinstance(expected, str) and len(expected) > 1 and expected[0] == expected[-1] == "/":
        try:
            re.compile(expected[1:-1])
        except re.error as error:
            return f"{expected} is no regular expression: {error}"
    if isinstance(expected, str) and (about := _ABOUT.fullmatch(expected)):
        try:
            _room(about["value"], about["within"])
        except (ArithmeticError, ValueError):
            return f"{expected} is no number with a tolerance, such as ~ 3.1 or ~ 100 ± 5"
    return ""


def _matches(pattern: str, got: str) -> bool:
    try:
        return re.search(pattern, got) is not None
    except re.error:
        return False


def _about(value: str, within: str | None, got: Any) -> bool:
    """Within so much of a number; where that is not said, as rounded to the digits that are written."""
    if isinstance(got, bool) or not isinstance(got, int | float):
        return False
    try:
        return abs(Decimal(repr(got)) - Decimal(value)) <= _room(value, within)
    except (ArithmeticError, ValueError):  # NaN is near to nothing
        return False


def _room(value: str, within: str | None) -> Decimal:
    """How far off a number may be. Raises ArithmeticError or ValueError for what is no number, or negative."""
    number = Decimal(value)
    abs(number)  # as far as it can be calculated with
    room = Decimal(within) if within else Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    if room < 0:
        raise ValueError("less than nothing")
    return room


def _same_length(expected: str, got: str) -> bool:
    try:
        return parse_length(expected) == parse_length(got)
    except ValueError:
        return False


def _same_time(expected: str, got: str, start: int) -> bool:
    if len(got) < len("2000-01-01T00:00:00Z") or not got[:4].isdigit() or expected.startswith("+"):
        return False
    try:
        return parse_time(expected, start, start) == parse_rfc3339(got)
    except ValueError:
        return False
