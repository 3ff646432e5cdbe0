"""Windows that come again: times of the day, days, months and years in a time zone, as Alertmanager's time_intervals.

An instant is in a window by what clocks show there at that instant. An hour that is shown twice when summer time ends
counts twice, one that is left out does not count at all.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SECOND = 10**9
_DAY = timedelta(days=1)
_MOST_DAYS = 32  # whose boundaries are remembered

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_TIMES = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)\Z")

Range = tuple[int, int]
Segment = tuple[int, int, bool]
"""From when on, until before when (ns), and whether it is in the window all of that time. Another may follow at once
that is no other in that."""

ALWAYS: Segment = (-(1 << 63), (1 << 63) - 1, False)


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Ranges, both ends included but for times: minutes of the day, the end not included. Weekdays: 0 is Sunday. Days
    of the month below 0 are counted from its end. What has no range is not asked for."""

    times: Sequence[Range]
    weekdays: Sequence[Range]
    days_of_month: Sequence[Range]
    months: Sequence[Range]
    years: Sequence[Range]
    zone: tzinfo
    _bounds: dict[date, list[int]] = field(default_factory=dict, init=False, compare=False, repr=False)

    def contains(self, time_ns: int) -> bool:
        """Whether an instant is in it."""
        at = datetime.fromtimestamp(time_ns // _SECOND, self.zone)
        minute = at.hour * 60 + at.minute
        return self._has_day(at.date()) and (not self.times or any(a <= minute < b for a, b in self.times))

    def segment(self, time_ns: int) -> Segment:
        """What lies around an instant, of a day at most."""
        second = time_ns // _SECOND
        bounds = self._around(datetime.fromtimestamp(second, self.zone).date())
        start = max(one for one in bounds if one <= second)
        end = min(one for one in bounds if one > second)
        return start * _SECOND, end * _SECOND, self.contains(time_ns)

    def _has_day(self, day: date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]
        return (
            _in(self.weekdays, day.isoweekday() % 7)
            and _in(self.months, day.month)
            and _in(self.years, day.year)
            and (not self.days_of_month or any(_is_day(one, day.day, last) for one in self.days_of_month))
        )

    def _around(self, day: date) -> list[int]:
        """Seconds since 1970 at which something may be other than before, of a day and those beside it."""
        found = self._bounds.get(day)
        if found is None:
            if len(self._bounds) >= _MOST_DAYS:
                self._bounds.clear()
            found = self._bounds[day] = sorted({at for n in (-1, 0, 1) for at in self._of_day(day + n * _DAY)})
        return found

    def _of_day(self, day: date) -> Iterable[int]:
        starts = self._seconds(day, 0)
        ends = self._seconds(day + _DAY, 0)
        yield from (*starts, *ends)
        for one in self.times:
            for minute in one:
                yield from self._seconds(day, minute)
        first, last = min(starts), max(ends)
        if self._offset(first) != self._offset(last):
            while last - first > 1:
                middle = (first + last) // 2
                first, last = (middle, last) if self._offset(middle) == self._offset(first) else (first, middle)
            yield last

    def _seconds(self, day: date, minute: int) -> tuple[int, int]:
        """When a clock shows it: the first time, and the second."""
        shown = datetime(day.year, day.month, day.day, tzinfo=self.zone) + timedelta(minutes=minute)
        return int(shown.timestamp()), int(shown.replace(fold=1).timestamp())

    def _offset(self, second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, self.zone).utcoffset()


def time_interval(plain: Mapping[str, Any]) -> TimeInterval:
    """Of texts: `09:00-17:00`, `monday:friday`, `1:5` or `-3:-1`, `january:march` or `1:3`, `2026:2027`, and the name
    of a zone. ValueError: `key: why`."""
    found = {name: _ranges(name, plain.get(name) or (), read) for name, read in _READ.items()}
    if not any(found.values()):
        raise ValueError("it says nothing of when")
    return TimeInterval(**found, zone=_zone(plain.get("location") or "UTC"))


def common(segments: Iterable[Segment]) -> Segment:
    """What several have in common of one instant: whether any has it in its windows, and for how long that is sure."""
    start, end, inside = ALWAYS
    for its_start, its_end, its in segments:
        start, end, inside = max(start, its_start), min(end, its_end), inside or its
    return start, end, inside


def _in(ranges: Sequence[Range], value: int) -> bool:
    return not ranges or any(first <= value <= last for first, last in ranges)


def _is_day(of: Range, day: int, last: int) -> bool:
    first, end = (one if one > 0 else last + one + 1 for one in of)
    return first <= last and first <= day <= end


def _ranges(name: str, texts: Iterable[str], read: Any) -> tuple[Range, ...]:
    out = []
    for number, text in enumerate(texts):
        try:
            out.append(read(text))
        except ValueError as error:
            raise ValueError(f"{name}.{number}: {error}") from None
    return tuple(out)


def _times(text: str) -> Range:
    match = _TIMES.match(text)
    if match is None:
        raise ValueError(f"no times of a day: {text!r}; they are as 09:00-17:00")
    hour, minute, end_hour, end_minute = match.groups()
    start = int(hour) * 60 + int(minute)
    end = int(end_hour) * 60 + int(end_minute) if end_hour else 24 * 60
    if end <= start:
        parts = f"{text[:5]}-24:00 and 00:00-{text[6:]}"
        raise ValueError(f"{text} does not end after its start: over midnight give {parts}")
    return start, end


def _weekdays(text: str) -> Range:
    return _range(text, lambda one: _WEEKDAYS.index(one.lower()), "a weekday, as monday")


def _months(text: str) -> Range:
    def number(one: str) -> int:
        return _MONTHS.index(one.lower()) + 1 if one.lower() in _MONTHS else _whole(one, 1, 12)

    return _range(text, number, "a month, as january or 1")


def _years(text: str) -> Range:
    return _range(text, lambda one: _whole(one, 1, 9999), "a year")


def _days(text: str) -> Range:
    first, last = _range(text, lambda one: _whole(one, -31, 31, not_=0), "a day, 1 to 31 or -31 to -1", ordered=False)
    if first < 0 < last:
        raise ValueError(f"{text} begins before the end of the month and ends after its start")
    if (first if first > 0 else 32 + first) > (last if last > 0 else 32 + last):
        raise ValueError(f"{text} ends before its start")
    return first, last


def _range(text: str, read: Any, what: str, ordered: bool = True) -> Range:
    parts = text.split(":")
    try:
        if len(parts) > 2:
            raise ValueError
        first, last = read(parts[0].strip()), read(parts[-1].strip())
    except ValueError:
        raise ValueError(f"{text!r} is neither {what}, nor two of them with a colon between") from None
    if ordered and last < first:
        raise ValueError(f"{text} ends before its start")
    return first, last


def _whole(text: str, least: int, most: int, not_: int | None = None) -> int:
    value = int(text)
    if not least <= value <= most or value == not_:
        raise ValueError
    return value


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"location: no time zone that is known here: {name!r}") from None


_READ = {"times": _times, "weekdays": _weekdays, "days_of_month": _days, "months": _months, "years": _years}
