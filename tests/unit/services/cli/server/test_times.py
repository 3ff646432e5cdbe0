"""Times and durations of the command line."""

from __future__ import annotations

import click
import pytest

from grammar.golang.times import parse_rfc3339
from services.cli.go_flags import Command
from services.cli.server import times
from services.cli.server.times import duration_option, span, span_of, time_option

SECOND = 10**9


@click.command(cls=Command)
@duration_option("--past", "")
@time_option("--start", text="")
def command(past: int | None, start: int | None) -> None:
    """A command that does nothing."""


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("30s", 30 * SECOND), ("1h30m", 5400 * SECOND), ("2w", 1209600 * SECOND), ("5µ", 5000)]
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert command.make_context("x", ["-past", text]).params["past"] == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "1d4", "-1h", "1.5h", "1h x", "h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no duration"):
        command.make_context("x", ["-past", text])


@pytest.mark.parametrize(
    ("text", "seconds"), [("1970-01-01T00:00:01Z", 1), ("2000000000", 2), ("-10s", 90), ("now", 100)]
)
def test_times(text: str, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times.time, "time_ns", lambda: 100 * SECOND)
    for given in (["-start", text], [f"--start={text}"]):
        assert command.make_context("x", given).params["start"] == seconds * SECOND


@pytest.mark.parametrize(("text", "told"), [("soon", "is no time"), ("1h", "is no time"), ("-1x", "is no duration")])
def test_what_is_no_time(text: str, told: str) -> None:
    with pytest.raises(click.BadParameter, match=told):
        command.make_context("x", ["-start", text])


def test_a_span_ends_when_it_is_told_and_begins_then_or_before() -> None:
    assert span(SECOND, 2 * SECOND, None) == {"start": "1970-01-01T00:00:01Z", "stop": "1970-01-01T00:00:02Z"}
    assert span(None, 2 * SECOND, SECOND) == {"start": "1970-01-01T00:00:01Z", "stop": "1970-01-01T00:00:02Z"}
    until_now = span(None, None, 60 * SECOND)
    assert parse_rfc3339(until_now["stop"]) - parse_rfc3339(until_now["start"]) == 60 * SECOND


@pytest.mark.parametrize(("start", "past", "message"), [(None, None, "give one of"), (1, 1, "not both")])
def test_a_span_has_one_beginning(start: int | None, past: int | None, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        span(start, None, past)


def test_a_span_that_begins_in_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times.time, "time_ns", lambda: 100 * SECOND)

    def seconds(*given: int | None) -> tuple[int, int]:
        found = span_of(*(None if n is None else n * SECOND for n in given))
        return parse_rfc3339(found["start"]) // SECOND, parse_rfc3339(found["stop"]) // SECOND

    assert seconds(10, None, None) == (10, 100)
    assert seconds(10, None, 20) == (10, 30)
    assert seconds(None, 60, None) == (40, 100)
    assert seconds(None, 60, 20) == (40, 60)
    with pytest.raises(click.UsageError, match="not both"):
        span_of(1, 1, None)
