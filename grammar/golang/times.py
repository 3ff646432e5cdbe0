"""Times in text, and the calendar: RFC 3339 as Go's time package has it, and what time.Time.String gives.

A time is an int, nanoseconds since 1970 UTC, of any year; NATS and CloudEvents write RFC 3339, too. What depends on a
zone or on a layout is in grammar.golang.time_values.
"""

from __future__ import annotations

import calendar
import re
from functools import lru_cache
from typing import Final

ZERO_TIME: Final = "0001-01-01T00:00:00Z"
"""RFC 3339 of a time.Time that was never set."""

_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def parse_rfc3339(text: str) -> int:
    """Nanoseconds of an RFC 3339 time of any zone; digits past the ninth are cut off. ValueError for anything else."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    in_day = hour < 24 and minute < 60 and second < 60
    if not (in_day and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        raise ValueError(f"no such time: {text!r}")
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if match[8]:
        offset = 3600 * int(match[9]) + 60 * int(match[10])
        seconds -= offset if match[8] == "+" else -offset
    return seconds * _SECOND + int((match[7] or "0").ljust(9, "0"))


def format_rfc3339(ns: int) -> str:
    """In UTC, with as many digits behind the second as are needed (time.RFC3339Nano): `2023-11-14T22:13:20.5Z`."""
    return f"{_shortest(ns, 'T')}Z"


def format_rfc3339_padded(ns: int) -> str:
    """In UTC, with nine digits behind the second, so that texts sort as their times do.

    Go's layout is `2006-01-02T15:04:05.000000000Z07:00`.
    """
    minutes, rest = divmod(ns, _MINUTE)
    second, rest = divmod(rest, _SECOND)
    return f"{_to_the_minute(minutes, 'T')}{second:02d}.{rest:09d}Z"


def time_string(ns: int) -> str:
    """What time.Time.String gives of a time in UTC: `2023-11-14 22:13:20.5 +0000 UTC`."""
    return f"{_shortest(ns, ' ')} +0000 UTC"


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar of every year."""
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    shifted = (5 * day + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, day - (153 * shifted + 2) // 5 + 1


def days_until(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date; month and day may lie outside their ranges, as in time.Date."""
    carry, month = divmod(month - 1, 12)
    year += carry
    month += 1
    year -= month <= 2
    era, of_era = divmod(year, 400)
    shifted = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + shifted - 719_468 + day - 1


def _shortest(ns: int, between: str) -> str:
    minutes, rest = divmod(ns, _MINUTE)
    second, rest = divmod(rest, _SECOND)
    if rest:
        return f"{_to_the_minute(minutes, between)}{second:02d}.{rest:09d}".rstrip("0")
    return f"{_to_the_minute(minutes, between)}{second:02d}"


@lru_cache(maxsize=4096)
def _to_the_minute(minutes: int, between: str) -> str:
    """`2023-11-14T22:13:`, kept, for the times of a batch, and of most alerts, share few minutes."""
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{_date(days)}{between}{hour:02d}:{minute:02d}:"


@lru_cache(maxsize=1024)
def _date(days: int) -> str:
    year, month, day = civil(days)
    return f"{'-' if year < 0 else ''}{abs(year):04d}-{month:02d}-{day:02d}"
