"""time.Time and time.Duration as Go prints them."""

import time

import pytest

from grammar.golang.time_values import format_time
from grammar.gotemplate import Duration, Time, parse

MOMENT = Time(1_700_000_000_123_456_789)


@pytest.mark.parametrize(
    ("layout", "want"),
    [
        ("2006-01-02T15:04:05.999999999Z07:00", "2023-11-14T22:13:20.123456789Z"),
        ("Jan _2 3:4:5.000 PM '06", "Nov 14 10:13:20.123 PM '23"),
        ("Monday, 02-January-06 15:04:05 MST", "Tuesday, 14-November-23 22:13:20 UTC"),
        ("Mon 1/2 03pm 002 __2 -0700 -07:00 -07 Z0700", "Tue 11/14 10pm 318 318 +0000 +00:00 +00 Z"),
        (".000 ,999999 .00000 05.0005", ".123 ,123456 .12345 20.0020"),
        ("_2006 Januar Month 20066 no part", "_2023 Januar Month 20236 no part"),
    ],
)
def test_layouts(layout: str, want: str) -> None:
    assert format_time(MOMENT, layout) == want


def test_layout_without_fraction_drops_it() -> None:
    assert format_time(Time(0), "15:04:05.999") == "00:00:00"


@pytest.mark.parametrize(
    ("seconds", "want"),
    [
        (-62_135_596_800, "0001-01-01 00:00:00 +0000 UTC"),
        (951_782_400, "2000-02-29 00:00:00 +0000 UTC"),
        (-1, "1969-12-31 23:59:59 +0000 UTC"),
        (253_402_300_800, "10000-01-01 00:00:00 +0000 UTC"),
    ],
)
def test_years_far_away(seconds: int, want: str) -> None:
    assert Time(seconds * 10**9).go_string() == want


@pytest.mark.parametrize(
    ("ns", "want"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (2_000_000, "2ms"),
        (1_500_000_000, "1.5s"),
        (60_000_000_000, "1m0s"),
        (7_265_250_000_000, "2h1m5.25s"),
        (-90_000_000_000, "-1m30s"),
        (360_000_000_000_000, "100h0m0s"),
    ],
)
def test_durations(ns: int, want: str) -> None:
    assert Duration(ns).go_string() == want


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (".Add 1000000000", "2023-11-14 22:13:21.123456789 +0000 UTC"),
        (".AddDate 0 3 20", "2024-03-05 22:13:20.123456789 +0000 UTC"),
        (".Truncate 3600000000000", "2023-11-14 22:00:00 +0000 UTC"),
        (".Round 86400000000000", "2023-11-15 00:00:00 +0000 UTC"),
        (".Month", "November"),
        (".YearDay", "318"),
        (".Location", "UTC"),
        (".Local.Location", "Local"),
        (".IsZero", "false"),
        (".UnixMilli", "1700000000123"),
    ],
)
def test_methods(call: str, want: str) -> None:
    assert parse(f"{{{{ .t{call} }}}}", "m").execute({"t": MOMENT}) == want


def test_local_time_is_the_servers_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert Time(0, local=True).go_string() == "1970-01-01 05:30:00 +0530 +0530"
        assert MOMENT.go_string() == "2023-11-14 22:13:20.123456789 +0000 UTC"
        assert Time(MOMENT.ns, True).go_json() == '"2023-11-15T03:58:20.123456789+05:45"'
    finally:
        monkeypatch.undo()
        time.tzset()
