"""When cron expressions tick, and what is wrong with those that do not."""

from datetime import datetime, timedelta

import pytest

from services.nodes.scheduling.cron import Cron

START = datetime(2023, 11, 14, 22, 13, 20)  # a Tuesday


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("* * * * *", ["11-14 22:14:00", "11-14 22:15:00"]),
        ("*/15 * * * * * *", ["11-14 22:13:30", "11-14 22:13:45", "11-14 22:14:00"]),
        ("20,21 13 22 * * * *", ["11-14 22:13:21", "11-15 22:13:20"]),
        ("0 0 1 * *", ["12-01 00:00:00"]),
        ("0 12 * * mon-Wednesday", ["11-15 12:00:00", "11-20 12:00:00", "11-21 12:00:00"]),
        ("0 0 13 * 5", ["11-17 00:00:00", "11-24 00:00:00", "12-01 00:00:00", "12-08 00:00:00", "12-13 00:00:00"]),
        ("0 0 L * ?", ["11-30 00:00:00", "12-31 00:00:00"]),
        ("0 0 LW * ?", ["11-30 00:00:00", "12-29 00:00:00"]),
        ("0 0 18W * ?", ["11-17 00:00:00", "12-18 00:00:00"]),
        ("0 0 * * 2#3", ["11-21 00:00:00", "12-19 00:00:00"]),
        ("0 0 * * 7L", ["11-26 00:00:00", "12-31 00:00:00"]),
        ("5/20 22-23 * nov *", ["11-14 22:25:00", "11-14 22:45:00", "11-14 23:05:00"]),
        ("@daily", ["11-15 00:00:00"]),
    ],
)
def test_ticks(expression: str, ticks: list[str]) -> None:
    cron, at, found = Cron(expression), START + timedelta(milliseconds=5), []
    for _ in ticks:
        following = cron.next(at)
        assert following is not None
        at = following
        found.append(at.strftime("%m-%d %H:%M:%S"))
    assert found == ticks


def test_years_come_to_an_end() -> None:
    assert Cron("0 0 29 2 * 2025-2028").next(START) == datetime(2028, 2, 29)
    assert Cron("0 0 1 1 * 2023").next(START) is None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("* * *", "missing field(s)"),
        ("", "missing field(s)"),
        ("60 * * * *", "syntax error in minute field: '60'"),
        ("* 24 * * *", "syntax error in hour field: '24'"),
        ("* * x * *", "syntax error in day-of-month field: 'x'"),
        ("* * * * 8", "syntax error in day-of-week field: '8'"),
        ("* * * * 2#6", "syntax error in day-of-week field: '2#6'"),
        ("*/0 * * * *", "invalid interval */0"),
        (", * * * *", "minute field: missing directive"),
    ],
)
def test_what_cannot_be_read(expression: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        Cron(expression)
    assert str(caught.value) == reason
