"""Times as tests write them: since the start, after another, or by the calendar."""

from __future__ import annotations

import re

from grammar.golang.times import format_rfc3339, parse_rfc3339
from grammar.tickscript.literals import parse_duration

DEFAULT_START = 946_684_800 * 10**9
"""2000-01-01T00:00:00Z: when a test begins whose input names no time."""

_RELATIVE = re.compile(r"@?(?:0|(?:\d+(?:ns|us|u|µ|ms|s|m|h|d|w))+)")
_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_SECOND = 10**9
_FAR = 1000 * 86_400 * _SECOND
_EARLIEST, _LATEST = parse_rfc3339("1677-09-21T00:12:44Z"), parse_rfc3339("2262-04-11T23:47:16Z")
_RANGE = f"{format_rfc3339(_EARLIEST)} to {format_rfc3339(_LATEST)}"


def parse_time(text: str, start: int, before: int) -> int:
    """The ns that a text stands for: `10m` or `@10m` after `start`, `+10s` after `before`, or RFC 3339. ValueError."""
    if text.startswith("+"):
        return _in_range(text, before + parse_length(text[1:]))
    if _RELATIVE.fullmatch(text):
        return _in_range(text, start + parse_length(text.removeprefix("@")))
    try:
        time = parse_rfc3339(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: 10m since the start, +10s from now, or RFC 3339") from None
    return _in_range(text, time)


def parse_calendar(text: str) -> int:
    """The ns of a time in RFC 3339. ValueError."""
    try:
        time = parse_rfc3339(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time in RFC 3339") from None
    return _in_range(text, time)


def _in_range(text: str, time: int) -> int:
    if not _EARLIEST <= time <= _LATEST:
        raise ValueError(f"{text!r} is out of range: points are from {_RANGE}")
    return time


def parse_length(text: str) -> int:
    """The ns of a length of time, `90s` or `1h30m`. ValueError."""
    if text == "0":
        return 0
    nanoseconds = text.removesuffix("ns")
    try:
        if nanoseconds != text and nanoseconds.isascii() and nanoseconds.isdigit():
            return int(nanoseconds)
        return parse_duration(text.replace("us", "u"))
    except ValueError:
        raise ValueError(f"{text!r} is no length of time, such as 90s or 1h30m") from None


def is_relative(text: str) -> bool:
    """Whether a text is a time since the start."""
    return _RELATIVE.fullmatch(text) is not None


def format_time(time: int, start: int) -> str:
    """A time for people: since the start where it is not far behind it, else by the calendar."""
    since = time - start
    return format_length(since) if 0 <= since < _FAR else format_rfc3339(time)


def format_length(ns: int) -> str:
    """A length of time as tests write it: `1h30m`. Not negative."""
    seconds, rest = divmod(ns, _SECOND)
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    for unit, size in (("ms", 10**6), ("u", 10**3)):
        if rest and rest % size == 0:
            return "".join([*parts, f"{rest // size}{unit}"])
    if rest:
        return f"{ns}ns"
    return "".join(parts) or "0s"
