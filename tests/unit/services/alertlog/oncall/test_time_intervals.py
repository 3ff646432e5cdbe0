"""Windows that come again: what they hold, over changes of summer time too, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alertlog.oncall.time_intervals import common, time_interval

SECOND = 10**9
BERLIN = {"location": "Europe/Berlin"}


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """ns of what a clock shows there."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(shown.timestamp()) * SECOND


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (
            {"times": ["09:00-17:00"]},
            ["2026-03-04T09:00", "2026-03-04T16:59:59"],
            ["2026-03-04T08:59:59", "2026-03-04T17:00"],
        ),
        ({"times": ["22:00-24:00", "00:00-06:00"]}, ["2026-03-04T23:59", "2026-03-05T00:00"], ["2026-03-05T06:00"]),
        (
            {"weekdays": ["monday:friday"]},
            ["2026-03-02T00:00", "2026-03-06T23:59"],
            ["2026-03-01T23:59", "2026-03-07T00:00"],
        ),
        ({"weekdays": ["Sunday"]}, ["2026-03-01T12:00"], ["2026-03-02T12:00"]),
        (
            {"days_of_month": ["1:3", "-1"]},
            ["2026-02-03T00:00", "2026-02-28T12:00"],
            ["2026-02-27T12:00", "2026-02-04T00:00"],
        ),
        ({"days_of_month": ["31:31"]}, ["2026-01-31T00:00"], ["2026-02-28T12:00"]),
        ({"days_of_month": ["25:-1"]}, ["2026-02-25T00:00", "2026-02-28T00:00"], ["2026-02-24T00:00"]),
        ({"months": ["january:march", "12"]}, ["2026-03-31T23:59", "2026-12-01T00:00"], ["2026-04-01T00:00"]),
        ({"years": ["2026:2027"]}, ["2027-12-31T23:59"], ["2028-01-01T00:00", "2025-12-31T23:59"]),
        (
            {"times": ["09:00-17:00"], "weekdays": ["monday"], "months": ["3"]},
            ["2026-03-02T10:00"],
            ["2026-03-03T10:00", "2026-04-06T10:00", "2026-03-02T08:00"],
        ),
    ],
)
def test_what_is_in_it(interval: dict[str, Any], inside: list[str], outside: list[str]) -> None:
    of = time_interval(interval)
    assert [text for text in inside if not of.contains(at(text))] == []
    assert [text for text in outside if of.contains(at(text))] == []


def test_summer_time_begins_and_ends() -> None:
    night = time_interval({"times": ["01:30-03:30"], **BERLIN})
    # at 2 the clock goes on to 3: an hour and nothing between
    began, ended = at("2026-03-29T01:30", "Europe/Berlin"), at("2026-03-29T03:30", "Europe/Berlin")
    assert ended - began == 3600 * SECOND
    assert _windows(night, at("2026-03-28T22:00"), 1) == [(began, ended)]
    # at 3 it goes back to 2: an hour more
    began, ended = at("2026-10-25T01:30", "Europe/Berlin"), at("2026-10-25T03:30", "Europe/Berlin")
    assert ended - began == 3 * 3600 * SECOND
    assert _windows(night, at("2026-10-24T22:00"), 1) == [(began, ended)]
    # what lies within the hour that is shown twice is there twice, what is left out not at all
    hour = time_interval({"times": ["02:15-02:45"], **BERLIN})
    twice = [
        (at("2026-10-25T02:15", "Europe/Berlin", fold), at("2026-10-25T02:45", "Europe/Berlin", fold))
        for fold in (0, 1)
    ]
    assert _windows(hour, at("2026-10-24T22:00"), 1) == twice
    assert _windows(hour, at("2026-03-28T23:00"), 1) == []
    # each day at the same time of that place
    nine = time_interval({"times": ["09:00-10:00"], **BERLIN})
    days = [datetime.fromtimestamp(start // SECOND, UTC).hour for start, _ in _windows(nine, at("2026-03-27T00:00"), 4)]
    assert days == [8, 8, 7, 7]


def test_midnight_that_there_is_not() -> None:
    zone = "America/Santiago"  # summer time begins at midnight there: the day has no hour 0
    day = time_interval({"weekdays": ["sunday"], "location": zone})
    start, end = at("2026-09-06T01:00", zone), at("2026-09-07T00:00", zone)
    assert end - start == 23 * 3600 * SECOND
    assert _windows(day, at("2026-09-05T12:00"), 2) == [(start, end)]


_TIMES = st.sampled_from(["00:00-06:00", "02:30-03:15", "22:00-24:00", "12:00-12:01"])
_INTERVALS = st.fixed_dictionaries(
    {
        "times": st.lists(_TIMES, max_size=2),
        "weekdays": st.lists(st.sampled_from(["monday:wednesday", "sunday"]), max_size=1),
        "days_of_month": st.lists(st.sampled_from(["-2:-1", "25:31", "6"]), max_size=1),
        "location": st.sampled_from(["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "UTC"]),
    }
).filter(lambda one: any(one[key] for key in ("times", "weekdays", "days_of_month")))
_MOMENTS = st.one_of(
    st.integers(at("2026-03-27T00:00"), at("2026-03-31T00:00")),
    st.integers(at("2026-10-23T00:00"), at("2026-10-27T00:00")),
    st.integers(at("2026-09-04T00:00"), at("2026-09-08T00:00")),
)


@given(_INTERVALS, _MOMENTS, st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5))
def test_a_segment_is_of_one_kind(interval: dict[str, Any], moment: int, parts: list[float]) -> None:
    of = time_interval(interval)
    start, end, inside = of.segment(moment)
    assert start <= moment < end and inside == of.contains(moment)
    assert {of.contains(start + int(part * (end - start))) for part in (*parts, 0.0)} == {inside}
    assert of.contains(end - 1) == inside


def test_several() -> None:
    assert common([(0, 10, False), (5, 8, True)]) == (5, 8, True)
    assert common([])[2] is False


@pytest.mark.parametrize(
    ("interval", "error"),
    [
        ({}, "it says nothing of when"),
        ({"location": "Europe/Berlin"}, "it says nothing of when"),
        ({"times": ["22:00-06:00"]}, "times.0: 22:00-06:00 does not end after its start: over midnight give"),
        ({"times": ["9:00-10:00"]}, "times.0: no times of a day"),
        ({"times": ["09:00-25:00"]}, "times.0: no times of a day"),
        ({"weekdays": ["monday", "someday"]}, "weekdays.1: 'someday' is neither a weekday"),
        ({"weekdays": ["friday:monday"]}, "weekdays.0: friday:monday ends before its start"),
        ({"days_of_month": ["0"]}, "days_of_month.0: '0' is neither a day"),
        ({"days_of_month": ["32"]}, "days_of_month.0: '32' is neither a day"),
        ({"days_of_month": ["-3:2"]}, "days_of_month.0: -3:2 begins before the end of the month"),
        ({"days_of_month": ["30:-3"]}, "days_of_month.0: 30:-3 ends before its start"),
        ({"months": ["13"]}, "months.0: '13' is neither a month"),
        ({"months": ["may:april"]}, "months.0: may:april ends before its start"),
        ({"years": ["2026:2027:2028"]}, "years.0: '2026:2027:2028' is neither a year"),
        ({"times": ["09:00-10:00"], "location": "Mars/Olympus"}, "location: no time zone that is known here"),
        ({"times": ["09:00-10:00"], "location": "../etc/passwd"}, "location: no time zone that is known here"),
    ],
)
def test_what_is_none(interval: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError) as raised:
        time_interval(interval)
    assert error in str(raised.value)


def _windows(of: Any, start: int, days: int) -> list[tuple[int, int]]:
    """The windows of some days, by going from segment to segment."""
    found: list[tuple[int, int]] = []
    now, end = start, start + int(timedelta(days=days).total_seconds()) * SECOND
    while now < end:
        first, until, inside = of.segment(now)
        if inside and found and found[-1][1] == first:
            found[-1] = found[-1][0], until
        elif inside:
            found.append((first, until))
        now = until
    return found
