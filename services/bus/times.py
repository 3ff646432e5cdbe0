"""RFC 3339 times to and from nanoseconds, as NATS and CloudEvents write them."""

from __future__ import annotations

import calendar
import re
import time

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def to_nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 UTC of an RFC 3339 time. ValueError for anything else."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] and hour < 24 and minute < 60):
        raise ValueError(f"no such time: {text!r}")
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if match[8]:
        offset = 3600 * int(match[9]) + 60 * int(match[10])
        seconds -= offset if match[8] == "+" else -offset
    return seconds * 10**9 + int((match[7] or "0").ljust(9, "0"))


def from_nanoseconds(ns: int) -> str:
    """RFC 3339 in UTC with nine digits after the point."""
    seconds, rest = divmod(ns, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
