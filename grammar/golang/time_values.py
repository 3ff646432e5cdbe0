"""Go's time.Time and time.Duration as values: their methods, as templates call them, and the layouts of Format."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar, Final

from grammar.golang.durations import format_go_duration
from grammar.golang.times import civil, days_until, format_rfc3339, time_string
from grammar.golang.values import BOOL, FLOAT64, INT, INT64, STRING, Function, GoType, Int, Uint64

NANOSECOND: Final = 1
SECOND: Final = 1_000_000_000
_DAY: Final = 86_400
_MAX: Final = (1 << 63) - 1
# Seconds from the beginning of year 1, Go's zero time, to 1970.
_UNIX_TO_ZERO: Final = 62_135_596_800
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|01|02|03|04|05|06|002|15|1|_2(?!006)|__2|2006|2|3|4|5|PM|pm"
    r"|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?!\d)"
)
RFC3339_NANO: Final = "2006-01-02T15:04:05.999999999Z07:00"


class Month(int):
    """time.Month, 1 to 12."""

    go_type: ClassVar[GoType] = GoType("time.Month", "int")

    def go_string(self) -> str:
        return _MONTHS[self - 1] if 1 <= self <= 12 else f"%!Month({int(self)})"


class Weekday(int):
    """time.Weekday, 0 for Sunday."""

    go_type: ClassVar[GoType] = GoType("time.Weekday", "int")

    def go_string(self) -> str:
        return _WEEKDAYS[self] if 0 <= self <= 6 else f"%!Weekday({int(self)})"


class Duration(int):
    """time.Duration, in nanoseconds."""

    go_type: ClassVar[GoType] = GoType("time.Duration", "int")

    def go_string(self) -> str:
        return format_go_duration(self)

    def round(self, unit: int) -> Duration:
        if unit <= 0:
            return self
        rest = abs(self) % unit
        size = abs(self) - rest + (unit if rest * 2 >= unit else 0)
        return Duration(max(-_MAX - 1, min(_MAX, -size if self < 0 else size)))

    def truncate(self, unit: int) -> Duration:
        if unit <= 0:
            return self
        size = abs(self) - abs(self) % unit
        return Duration(-size if self < 0 else size)


class Location:
    """*time.Location: UTC, or the server's zone."""

    __slots__ = ("name",)
    go_type: ClassVar[GoType] = GoType("*time.Location", "value")

    def __init__(self, name: str) -> None:
        self.name = name

    def go_string(self) -> str:
        return self.name


class Time:
    """time.Time: nanoseconds since 1970 UTC, shown in UTC or, with local, in the server's zone."""

    __slots__ = ("local", "ns")
    go_type: ClassVar[GoType] = GoType("time.Time", "struct")

    def __init__(self, ns: int, local: bool = False) -> None:
        self.ns = ns
        self.local = local

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.ns == other.ns and self.local == other.local

    def __hash__(self) -> int:
        return hash((self.ns, self.local))

    def zone(self) -> tuple[str, int]:
        """The zone's abbreviation and its offset in seconds east of UTC at this time."""
        if not self.local:
            return "UTC", 0
        here = time.localtime(self.ns // SECOND)
        return here.tm_zone, here.tm_gmtoff

    def civil(self) -> tuple[int, int, int, int]:
        """Year, month, day of the month and second of the day, where the time is shown."""
        days, second = divmod(self.ns // SECOND + self.zone()[1], _DAY)
        return (*civil(days), second)

    def days(self) -> int:
        """Days since 1970-01-01, where the time is shown."""
        return (self.ns // SECOND + self.zone()[1]) // _DAY

    def format(self, layout: str) -> str:
        return format_time(self, layout)

    def go_string(self) -> str:
        if self.local:
            return format_time(self, "2006-01-02 15:04:05.999999999 -0700 MST")
        return time_string(self.ns)

    def go_json(self) -> str:
        if self.local:
            return f'"{format_time(self, RFC3339_NANO)}"'
        return f'"{format_rfc3339(self.ns)}"'

    def go_syntax(self) -> str:
        """The time as a Go expression (%#v)."""
        year, month, day, second = self.civil()
        clock = f"{second // 3600}, {second // 60 % 60}, {second % 60}, {self.ns % SECOND}"
        return f"time.Date({year}, time.{_MONTHS[month - 1]}, {day}, {clock}, time.{'Local' if self.local else 'UTC'})"

    def go_internals(self) -> tuple[Uint64, int]:
        """What a verb that is none of a text's prints of a Time: nanoseconds and seconds since year 1."""
        seconds, rest = divmod(self.ns, SECOND)
        return Uint64(rest), seconds + _UNIX_TO_ZERO


# Writes one part of a layout from the time and its year, month, day and second of the day.
_Part = Callable[[Time, int, int, int, int], str]


def format_time(moment: Time, layout: str) -> str:
    """Time.Format: the layout with every part of Go's reference time replaced."""
    year, month, day, second = moment.civil()
    return "".join([make(moment, year, month, day, second) for make in _compile(layout)])


@lru_cache(maxsize=256)
def _compile(layout: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    at = 0
    for found in _LAYOUT.finditer(layout):
        if found.start() > at:
            parts.append(_literal(layout[at : found.start()]))
        parts.append(_part_of(found[0]))
        at = found.end()
    if at < len(layout):
        parts.append(_literal(layout[at:]))
    return tuple(parts)


def _literal(text: str) -> _Part:
    return lambda t, y, mo, d, s: text


def _part_of(name: str) -> _Part:
    if name in _FORMATS:
        return _FORMATS[name]
    if name[0] in "-Z":
        return lambda t, y, mo, d, s: _offset(t.zone()[1], name)
    return lambda t, y, mo, d, s: _fraction(t.ns % SECOND, name)


def _fraction(ns: int, style: str) -> str:
    digits = f"{ns:09d}"[: len(style) - 1]
    if style[1] == "9":
        digits = digits.rstrip("0")
    return style[0] + digits if digits else ""


_FORMATS: Final[dict[str, _Part]] = {
    "2006": lambda t, y, mo, d, s: f"{y:04d}" if y >= 0 else f"-{-y:04d}",
    "06": lambda t, y, mo, d, s: f"{y % 100:02d}",
    "January": lambda t, y, mo, d, s: _MONTHS[mo - 1],
    "Jan": lambda t, y, mo, d, s: _MONTHS[mo - 1][:3],
    "01": lambda t, y, mo, d, s: f"{mo:02d}",
    "1": lambda t, y, mo, d, s: str(mo),
    "Monday": lambda t, y, mo, d, s: _WEEKDAYS[(t.days() + 4) % 7],
    "Mon": lambda t, y, mo, d, s: _WEEKDAYS[(t.days() + 4) % 7][:3],
    "02": lambda t, y, mo, d, s: f"{d:02d}",
    "_2": lambda t, y, mo, d, s: f"{d:2d}",
    "2": lambda t, y, mo, d, s: str(d),
    "__2": lambda t, y, mo, d, s: f"{_year_day(t):3d}",
    "002": lambda t, y, mo, d, s: f"{_year_day(t):03d}",
    "15": lambda t, y, mo, d, s: f"{s // 3600:02d}",
    "03": lambda t, y, mo, d, s: f"{_hour12(s):02d}",
    "3": lambda t, y, mo, d, s: str(_hour12(s)),
    "04": lambda t, y, mo, d, s: f"{s // 60 % 60:02d}",
    "4": lambda t, y, mo, d, s: str(s // 60 % 60),
    "05": lambda t, y, mo, d, s: f"{s % 60:02d}",
    "5": lambda t, y, mo, d, s: str(s % 60),
    "PM": lambda t, y, mo, d, s: "PM" if s >= 43_200 else "AM",
    "pm": lambda t, y, mo, d, s: "pm" if s >= 43_200 else "am",
    "MST": lambda t, y, mo, d, s: t.zone()[0],
}


def _offset(seconds: int, style: str) -> str:
    if style[0] == "Z" and seconds == 0:
        return "Z"
    size = abs(seconds)
    text = f"{'-' if seconds < 0 else '+'}{size // 3600:02d}"
    colon = ":" if ":" in style else ""
    digits = len(style.replace(":", ""))
    if digits >= 5:
        text += f"{colon}{size // 60 % 60:02d}"
    if digits == 7:
        text += f"{colon}{size % 60:02d}"
    return text


def _hour12(second: int) -> int:
    return second // 3600 % 12 or 12


def _year_day(moment: Time) -> int:
    return moment.days() - days_until(moment.civil()[0], 1, 1) + 1


def _add_date(moment: Time, years: int, months: int, days: int) -> Time:
    year, month, day, _ = moment.civil()
    shift = days_until(year + years, month + months, day + days) - moment.days()
    return Time(moment.ns + shift * _DAY * SECOND, moment.local)


def _sub(moment: Time, other: Time) -> Duration:
    return Duration(max(-_MAX - 1, min(_MAX, moment.ns - other.ns)))


def _truncate(moment: Time, unit: int) -> Time:
    if unit <= 0:
        return moment
    return Time(moment.ns - (moment.ns + _UNIX_TO_ZERO * SECOND) % unit, moment.local)


def _round(moment: Time, unit: int) -> Time:
    if unit <= 0:
        return moment
    rest = (moment.ns + _UNIX_TO_ZERO * SECOND) % unit
    return Time(moment.ns - rest + (unit if rest * 2 >= unit else 0), moment.local)


_TIME, _DURATION = Time.go_type, Duration.go_type

Month.go_type.methods["String"] = Function(Month.go_string, result=STRING)
Location.go_type.methods["String"] = Function(Location.go_string, result=STRING)
Weekday.go_type.methods["String"] = Function(Weekday.go_string, result=STRING)
_DURATION.methods.update(
    {
        "Abs": Function(lambda d: Duration(min(_MAX, abs(d))), result=_DURATION),
        "Hours": Function(lambda d: _part(d, 3600 * SECOND), result=FLOAT64),
        "Microseconds": Function(lambda d: _whole(d, 1_000), result=INT64),
        "Milliseconds": Function(lambda d: _whole(d, 1_000_000), result=INT64),
        "Minutes": Function(lambda d: _part(d, 60 * SECOND), result=FLOAT64),
        "Nanoseconds": Function(int, result=INT64),
        "Round": Function(Duration.round, (_DURATION,), result=_DURATION),
        "Seconds": Function(lambda d: _part(d, SECOND), result=FLOAT64),
        "String": Function(format_go_duration, result=STRING),
        "Truncate": Function(Duration.truncate, (_DURATION,), result=_DURATION),
    }
)
_TIME.methods.update(
    {
        "Add": Function(lambda t, d: Time(t.ns + d, t.local), (_DURATION,), result=_TIME),
        "AddDate": Function(_add_date, (INT, INT, INT), result=_TIME),
        "After": Function(lambda t, other: t.ns > other.ns, (_TIME,), result=BOOL),
        "Before": Function(lambda t, other: t.ns < other.ns, (_TIME,), result=BOOL),
        "Clock": Function(int, results=3),
        "Date": Function(int, results=3),
        "Day": Function(lambda t: Int(t.civil()[2]), result=INT),
        "Equal": Function(lambda t, other: t.ns == other.ns, (_TIME,), result=BOOL),
        "Format": Function(format_time, (STRING,), result=STRING),
        "Hour": Function(lambda t: Int(t.civil()[3] // 3600), result=INT),
        "ISOWeek": Function(int, results=2),
        "IsDST": Function(lambda t: t.local and time.localtime(t.ns // SECOND).tm_isdst > 0, result=BOOL),
        "IsZero": Function(lambda t: t.ns == -_UNIX_TO_ZERO * SECOND, result=BOOL),
        "Local": Function(lambda t: Time(t.ns, True), result=_TIME),
        "Location": Function(lambda t: Location("Local" if t.local else "UTC"), result=Location.go_type),
        "Minute": Function(lambda t: Int(t.civil()[3] // 60 % 60), result=INT),
        "Month": Function(lambda t: Month(t.civil()[1]), result=Month.go_type),
        "Nanosecond": Function(lambda t: Int(t.ns % SECOND), result=INT),
        "Round": Function(_round, (_DURATION,), result=_TIME),
        "Second": Function(lambda t: Int(t.civil()[3] % 60), result=INT),
        "String": Function(Time.go_string, result=STRING),
        "Sub": Function(_sub, (_TIME,), result=_DURATION),
        "Truncate": Function(_truncate, (_DURATION,), result=_TIME),
        "UTC": Function(lambda t: Time(t.ns), result=_TIME),
        "Unix": Function(lambda t: t.ns // SECOND, result=INT64),
        "UnixMicro": Function(lambda t: t.ns // 1_000, result=INT64),
        "UnixMilli": Function(lambda t: t.ns // 1_000_000, result=INT64),
        "UnixNano": Function(lambda t: t.ns, result=INT64),
        "Weekday": Function(lambda t: Weekday((t.days() + 4) % 7), result=Weekday.go_type),
        "Year": Function(lambda t: Int(t.civil()[0]), result=INT),
        "YearDay": Function(lambda t: Int(_year_day(t)), result=INT),
        "Zone": Function(int, results=2),
    }
)


def _part(ns: int, unit: int) -> float:
    """A duration in units, as Go computes it: whole units plus the rest."""
    whole = _whole(ns, unit)
    return float(whole) + float(ns - whole * unit) / float(unit)


def _whole(ns: int, unit: int) -> int:
    return ns // unit if ns >= 0 else -(-ns // unit)
