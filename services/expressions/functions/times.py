"""Parts of a time, in the server's own time zone. now() itself is the run's clock and needs no function here."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from services.columns.column import IntArray
from services.expressions.typed.signatures import Function, TypedOperation
from services.expressions.typed.types import ValueType

Part = Callable[[IntArray], IntArray]

_SECOND = 1_000_000_000
_DAY = 86_400


def local_seconds(times: IntArray) -> IntArray:
    """Seconds of local time since 1970-01-01 00:00 local: int64[n] for int64[n] ns."""
    seconds = times // _SECOND
    if time.timezone == 0 and not time.daylight:
        return seconds
    # Zones change their offset at whole minutes, so one look-up a distinct minute does.
    minutes, inverse = np.unique(seconds // 60, return_inverse=True)
    offsets = np.array([time.localtime(minute * 60).tm_gmtoff for minute in minutes.tolist()], dtype=np.int64)
    return seconds + offsets[inverse]


def _months(times: IntArray) -> IntArray:
    days = (local_seconds(times) // _DAY).astype("datetime64[D]")
    months: IntArray = days.astype("datetime64[M]").astype(np.int64)
    return months


def _day(times: IntArray) -> IntArray:
    days = (local_seconds(times) // _DAY).astype("datetime64[D]")
    since: IntArray = (days - days.astype("datetime64[M]")).astype(np.int64)
    return since + 1


def _part(name: str, part: Part, doc: str) -> Function:
    def scalar(ns: int) -> int:
        return int(part(np.array([ns], dtype=np.int64))[0])

    return Function(name, doc, {(ValueType.TIME,): TypedOperation(ValueType.INT, scalar, part)})


FUNCTIONS = (
    Function(
        "unixNano",
        "Nanoseconds since 1970 UTC.",
        {(ValueType.TIME,): TypedOperation(ValueType.INT, lambda ns: ns, lambda times: times)},
    ),
    _part("minute", lambda times: local_seconds(times) // 60 % 60, "The minute within the hour, 0 to 59."),
    _part("hour", lambda times: local_seconds(times) // 3600 % 24, "The hour within the day, 0 to 23."),
    _part("weekday", lambda times: (local_seconds(times) // _DAY + 4) % 7, "The day of the week; 0 is Sunday."),
    _part("day", _day, "The day of the month, 1 to 31."),
    _part("month", lambda times: _months(times) % 12 + 1, "The month, 1 to 12."),
    _part("year", lambda times: _months(times) // 12 + 1970, "The year."),
)
