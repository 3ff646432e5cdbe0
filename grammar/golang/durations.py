"""Durations as Go's time.ParseDuration reads and time.Duration.String writes them.

Configuration, API, messages and templates use them. TICKscript's own literals, with `d`, `w` and `u`, are in
grammar.tickscript.literals.
"""

from __future__ import annotations

import re
from typing import Final

_SECOND: Final = 1_000_000_000
_MICROSECOND: Final = 1_000
_MILLISECOND: Final = 1_000_000
_UNITS: Final[dict[str, int]] = {
    "ns": 1,
    "us": _MICROSECOND,
    "µs": _MICROSECOND,
    "μs": _MICROSECOND,
    "ms": _MILLISECOND,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_TERM: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_INT64_MAX: Final = 2**63 - 1
_LONGEST: Final = (
    1000  # characters of a duration: more than any needs, and fewer than digits of which Python makes no int
)


def parse_go_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1h30m`, `-1.5s` or `0`.

    Raises ValueError where the text is no duration or does not fit into 64 bits.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"invalid duration '{text[:_LONGEST]}…'")
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, position = 0, 0
    while match := _TERM.match(rest, position):
        total += _nanoseconds(match[1], _UNITS[match[2]])
        position = match.end()
    if not rest or position != len(rest):
        raise ValueError(f"invalid duration {text!r}")
    if total > _INT64_MAX:
        raise ValueError(f"invalid duration {text!r}: out of range")
    return sign * total


def format_go_duration(ns: int) -> str:
    """The text that Go prints for nanoseconds: `1m30s`, `1.5ms`, `2h0m0s`, `0s`."""
    sign, size = ("-", -ns) if ns < 0 else ("", ns)
    if size < _SECOND:
        return sign + _below_a_second(size)
    seconds, rest = divmod(size, _SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    if seconds < 60:
        return f"{sign}{seconds}{fraction}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{sign}{minutes}m{seconds}{fraction}s"
    return f"{sign}{minutes // 60}h{minutes % 60}m{seconds}{fraction}s"


def _nanoseconds(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    exact = int(whole or "0") * unit
    return exact + int(fraction) * unit // 10 ** len(fraction) if fraction else exact


def _below_a_second(ns: int) -> str:
    if ns == 0:
        return "0s"
    if ns < _MICROSECOND:
        return f"{ns}ns"
    unit, digits, name = (_MICROSECOND, 3, "µs") if ns < _MILLISECOND else (_MILLISECOND, 6, "ms")
    whole, rest = divmod(ns, unit)
    return f"{whole}.{rest:0{digits}d}".rstrip("0") + name if rest else f"{whole}{name}"
