"""Times in text: RFC 3339 in and out, and time.Time.String."""

from __future__ import annotations

import pytest

from grammar.golang.times import ZERO_TIME, format_rfc3339, format_rfc3339_padded, parse_rfc3339, time_string

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789),
        ("2023-11-14t22:13:20.5z", 1_700_000_000_500_000_000),
        ("2023-11-14 23:43:20+01:30", 1_700_000_000 * SECOND),
        ("2023-11-14T20:13:20-02:00", 1_700_000_000 * SECOND),
        ("2023-11-14T22:13:20.1234567891Z", 1_700_000_000_123_456_789),
        ("1969-12-31T23:59:59.999999999Z", -1),
        (ZERO_TIME, -62_135_596_800 * SECOND),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
    ],
)
def test_reads(text: str, ns: int) -> None:
    assert parse_rfc3339(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20+0100",
        "٢023-11-14T22:13:20Z",
        "2023-13-14T22:13:20Z",
        "2023-02-29T22:13:20Z",
        "2023-11-14T24:13:20Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T22:13:60Z",
        "2023-00-01T00:00:00Z",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an RFC 3339 time|no such time"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("ns", "short", "padded"),
    [
        (0, "1970-01-01T00:00:00", ""),
        (-1, "1969-12-31T23:59:59.999999999", ""),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12", "0000000"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001", ""),
        (-(2**63), "1677-09-21T00:12:43.145224192", ""),
        (2**63 - 1, "2262-04-11T23:47:16.854775807", ""),
        (-62_135_596_800 * SECOND, "0001-01-01T00:00:00", ""),
        (253_402_300_800 * SECOND, "10000-01-01T00:00:00", ""),
    ],
)
def test_writes(ns: int, short: str, padded: str) -> None:
    assert format_rfc3339(ns) == f"{short}Z"
    assert time_string(ns) == f"{short.replace('T', ' ')} +0000 UTC"
    assert format_rfc3339_padded(ns) == f"{short}{padded if '.' in short else '.000000000'}Z"
