"""Cron expressions as batch queries take them: with seconds and years, and the words L, W and #."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_ALIASES = {
    "@yearly": "0 0 0 1 1 * *",
    "@annually": "0 0 0 1 1 * *",
    "@monthly": "0 0 0 1 * * *",
    "@weekly": "0 0 0 * * 0 *",
    "@daily": "0 0 0 * * * *",
    "@hourly": "0 0 * * * * *",
}
_MONTHS = {name.lower(): i for i in range(1, 13) for name in (calendar.month_name[i], calendar.month_abbr[i])}
_DAYS = {name.lower(): (i + 1) % 7 for i in range(7) for name in (calendar.day_name[i], calendar.day_abbr[i])}
_ENTRY = re.compile(r"(?:(?P<all>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")
_LAST_YEAR = 2099


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: dict[str, int]
    top: int = 0  # what may be written though it is more than `most`: 7 is Sunday as well

    def number(self, text: str) -> int | None:
        value = int(text) if text.isdecimal() else self.names.get(text, -1)
        return value if self.least <= value <= max(self.most, self.top) else None


_SECOND = _Field("second", 0, 59, {})
_MINUTE = _Field("minute", 0, 59, {})
_HOUR = _Field("hour", 0, 23, {})
_DAY = _Field("day-of-month", 1, 31, {})
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day-of-week", 0, 6, _DAYS, top=7)
_YEAR = _Field("year", 1970, _LAST_YEAR, {})


class Cron:
    """An expression of five to seven fields: [second] minute hour day-of-month month day-of-week [year].

    With six fields the year is there and the second is 0. Where both days are restricted, either will do.
    """

    def __init__(self, text: str) -> None:
        """ValueError, in the reference's words, where it cannot be read."""
        for alias, meaning in _ALIASES.items():
            text = text.replace(alias, meaning)
        fields = text.split()[:7]
        if len(fields) < 5:
            raise ValueError("missing field(s)")
        second = fields.pop(0) if len(fields) == 7 else "0"
        self._seconds = _plain(second, _SECOND)
        self._minutes = _plain(fields[0], _MINUTE)
        self._hours = _plain(fields[1], _HOUR)
        self._days, self._odd_days, every_day = _read(fields[2], _DAY, r"l|lw|(\d+)w")
        self._months = set(_plain(fields[3], _MONTH))
        weekdays, self._odd_weekdays, every_weekday = _read(fields[4], _WEEKDAY, r"(\w+)l|(\w+)#[1-5]")
        self._weekdays = {d % 7 for d in weekdays}
        self._years = _plain(fields[5], _YEAR) if len(fields) > 5 else list(range(1970, _LAST_YEAR + 1))
        self._by_day, self._by_weekday = not every_day, not every_weekday

    def next(self, after: datetime) -> datetime | None:
        """The first time after another one, in whole seconds of the same zone (none: the clock on the wall)."""
        start = after.replace(microsecond=0, fold=0) + timedelta(seconds=1)
        for year in self._years:
            for month in sorted(self._months):
                if (year, month) < (start.year, start.month):
                    continue
                for day in sorted(self._days_of(year, month)):
                    if (year, month, day) < (start.year, start.month, start.day):
                        continue
                    today = (year, month, day) == (start.year, start.month, start.day)
                    if (clock := self._clock(start if today else None)) is not None:
                        return start.replace(year, month, day, *clock)
        return None

    def _clock(self, start: datetime | None) -> tuple[int, int, int] | None:
        """The first hour, minute and second of a day, none before `start`."""
        if start is None:
            return self._hours[0], self._minutes[0], self._seconds[0]
        for hour in self._hours:
            for minute in self._minutes:
                if (hour, minute) < (start.hour, start.minute):
                    continue
                for second in self._seconds:
                    if (hour, minute, second) >= (start.hour, start.minute, start.second):
                        return hour, minute, second
        return None

    def _days_of(self, year: int, month: int) -> set[int]:
        first, length = calendar.monthrange(year, month)  # first: 0 is Monday
        if not self._by_day and not self._by_weekday:
            return set(range(1, length + 1))
        found: set[int] = set()
        if self._by_day:
            found = {day for day in self._days if day <= length}
            for word in self._odd_days:
                day = length if word in ("l", "lw") else int(word[:-1])
                if day <= length:
                    found.add(day if word == "l" else _workday(day, first, length))
        if self._by_weekday:
            on: dict[int, list[int]] = {d: [] for d in range(7)}
            for day in range(1, length + 1):
                on[(first + day) % 7].append(day)
            found.update(day for d in self._weekdays for day in on[d])
            for word in self._odd_weekdays:
                name, _, week = word.partition("#")
                number = _WEEKDAY.number(name if week else name[:-1]) or 0
                some = on[number % 7]
                if not week:
                    found.add(some[-1])
                elif int(week) <= len(some):
                    found.add(some[int(week) - 1])
        return found


def _workday(day: int, first: int, length: int) -> int:
    """The working day nearest to a day of a month, in the same month."""
    weekday = (first + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


def _plain(text: str, field: _Field) -> list[int]:
    return sorted(_read(text, field, "")[0])


def _read(text: str, field: _Field, odd: str) -> tuple[set[int], list[str], bool]:
    """The values of a field, its entries that match `odd`, and whether it says all."""
    entries = [entry for entry in text.split(",") if entry]
    if not entries:
        raise ValueError(f"{field.name} field: missing directive")
    values: set[int] = set()
    words: list[str] = []
    everything = False
    for entry in entries:
        lower = entry.lower()
        m = _ENTRY.fullmatch(lower)
        first = last = None
        if m is not None:
            first = field.least if m["all"] else field.number(m["first"])
            last = field.most if m["all"] or (m["step"] and not m["last"]) else field.number(m["last"] or m["first"])
        if m is None or first is None or last is None or (m["all"] == "?" and m["step"]):
            if not (odd and (o := re.fullmatch(odd, lower)) and _known(o, field)):
                raise ValueError(f"syntax error in {field.name} field: '{entry}'")
            words.append(lower)
            continue
        step = int(m["step"] or 1)
        if m["step"] and not 1 <= step <= field.most:
            raise ValueError(f"invalid interval {lower}")
        everything = everything or bool(m["all"] and not m["step"])
        values.update(range(first, last + 1, step))
    if not values and not words:
        raise ValueError(f"syntax error in {field.name} field: '{text}'")
    return values, words, everything


def _known(found: re.Match[str], field: _Field) -> bool:
    return all(field.number(part) is not None for part in found.groups() if part is not None)
