"""Times as tests write them."""

from __future__ import annotations

import pytest

from services.testing.input.times import DEFAULT_START, format_time, parse_length, parse_time

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("0", 100),
        ("0s", 100),
        ("10m", 100 + 600 * SECOND),
        ("@1h30m", 100 + 5400 * SECOND),
        ("5ns", 105),
        ("+10s", 7 + 10 * SECOND),
        ("1970-01-01T00:00:01Z", SECOND),
    ],
)
def test_times(text: str, time: int) -> None:
    assert parse_time(text, 100, 7) == time


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "10 m", "yesterday", "2024-01-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_time(text, 0, 0)


@pytest.mark.parametrize(
    "ns", [0, 1, 10**3, 10**6, SECOND, 61 * SECOND, 90_061 * SECOND, 8 * 86400 * SECOND, 1500 * 10**6]
)
def test_a_time_is_read_as_it_is_written(ns: int) -> None:
    assert parse_time(format_time(DEFAULT_START + ns, DEFAULT_START), DEFAULT_START, 0) == DEFAULT_START + ns


def test_far_times_are_by_the_calendar() -> None:
    assert format_time(0, DEFAULT_START) == "1970-01-01T00:00:00Z"


def test_lengths() -> None:
    assert parse_length("1h30m") == 5400 * SECOND
    assert parse_length("5us") == parse_length("5u") == 5000
    with pytest.raises(ValueError, match="no length of time"):
        parse_length("soon")
