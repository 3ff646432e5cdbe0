"""Times and durations of the command line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import click

from grammar.golang.times import format_rfc3339, parse_rfc3339

_UNITS = {
    "ns": 1,
    "u": 10**3,
    "µ": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}
_PART = re.compile(r"(\d+)(ns|ms|[uµsmhdw])")


def duration_option(name: str, text: str) -> Callable[[Any], Any]:
    """An option that is a duration as InfluxQL has it; the parameter is nanoseconds, or None."""
    return click.option(name, metavar="DURATION", callback=_duration, help=text)


def time_option(*names: str, text: str, **more: Any) -> Callable[[Any], Any]:
    """An option that is a time: as RFC 3339 has it, ns since 1970, so long ago (-1h), or now.

    The parameter is ns since 1970, or None.
    """
    return click.option(*names, metavar="TIME", callback=_time, help=text, **more)


def span(start: int | None, stop: int | None, past: int | None) -> dict[str, str]:
    """What --start, --stop and --past come to. Raises click.UsageError where they do not go together."""
    if (start is None) == (past is None):
        raise click.UsageError(
            "give one of --start and --past" if start is None else "give --start or --past, not both"
        )
    end = time.time_ns() if stop is None else stop
    begin = start if start is not None else end - (past or 0)
    return {"start": format_rfc3339(begin), "stop": format_rfc3339(end)}


def span_of(start: int | None, past: int | None, duration: int | None) -> dict[str, str]:
    """What --start or --past come to with --duration, which counts from there. Raises click.UsageError for both."""
    if start is not None and past is not None:
        raise click.UsageError("give --start or --past, not both")
    now = time.time_ns()
    begin = start if start is not None else now - (past or 0)
    return {"start": format_rfc3339(begin), "stop": format_rfc3339(now if duration is None else begin + duration)}


def in_future(duration: int) -> str:
    """The time so many nanoseconds from now."""
    return format_rfc3339(time.time_ns() + duration)


def _duration(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f"{text!r} is no duration: it must be a number with a unit, as 30s, 10m or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _time(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    if text == "now":
        return time.time_ns()
    if text.isascii() and text.isdigit():
        return int(text)
    if text.startswith("-"):
        ago = _duration(ctx, parameter, text[1:])
        return time.time_ns() - (ago or 0)
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no time: it must be as 2015-09-01T00:00:00Z, as -1h, or ns since 1970"
        ) from error
