"""Values of the API as Kapacitor's command line writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.fmt import sprint
from grammar.golang.quoting import quote

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def yes_or_no(value: bool) -> str:
    """true or false."""
    return "true" if value else "false"


def size(count: int) -> str:
    """A number of bytes in units of a thousand."""
    if count < 10:
        return f"{count} B"
    power = min(int(math.log(count, 1000)), len(_UNITS) - 1)
    value = math.floor(count / 1000**power * 10 + 0.5) / 10
    return f"{value:.{1 if value < 10 else 0}f} {_UNITS[power]}"


def databases(dbrps: Sequence[Mapping[str, str]] | None) -> str:
    """Databases and retention policies."""
    return "[" + " ".join(f"{quote(one['db'])}.{quote(one['rp'])}" for one in dbrps or ()) + "]"


def moment(text: str, *, local: bool = False) -> str:
    """A time of the API as RFC 822 has it: in its own zone, or in this machine's."""
    time = datetime.fromisoformat(text)
    try:
        here = time.astimezone()
    except OverflowError:  # the year 1, west of Greenwich
        here = time
    if local or (time.utcoffset() == here.utcoffset() and not text.endswith("Z")):
        time = here
    return f"{time.day:02} {_MONTHS[time.month - 1]} {time.year % 100:02} {time.hour:02}:{time.minute:02} {_zone(time)}"


def var_value(var: Mapping[str, Any]) -> str:
    """The value of a var."""
    value = var.get("value")
    if var["type"] == "duration" and isinstance(value, int):
        return format_go_duration(value)
    if var["type"] == "list" and isinstance(value, list):
        return "[" + ", ".join("*" if one["type"] == "star" else str(one["value"]) for one in value) + "]"
    if var["type"] == "float" and isinstance(value, int):
        return sprint(float(value))
    return "<nil>" if value is None else sprint(value)


def _zone(time: datetime) -> str:
    if time.tzinfo is UTC:
        return "UTC"
    name = time.tzname() or ""
    if not name.startswith("UTC") or name == "UTC":
        return name
    offset = time.utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
