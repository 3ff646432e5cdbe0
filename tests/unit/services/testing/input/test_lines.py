"""Line protocol as tests write it."""

from __future__ import annotations

import pytest

from services.testing.input.lines import first_time, read_lines

SECOND = 10**9
START = 1000 * SECOND


def test_times_may_be_left_out_relative_or_numbers() -> None:
    text = """
        # a comment
        m x=1
        m x=2 10s
        m x=3 +5s
        m,t=a\\ 5s s="at 5s" @20s
        m x=5 1030
        m x=6 1970-01-01T00:17:00Z
        m x=7 1
    """
    found = list(read_lines(text, "s", START, START))
    assert [line.time // SECOND for line in found] == [1000, 1010, 1015, 1020, 1030, 1020, 1]
    assert [line.arrives // SECOND for line in found] == [1000, 1010, 1015, 1020, 1030, 1030, 1030]
    assert found[3].text == b'm,t=a\\ 5s s="at 5s" 1020000000000'


@pytest.mark.parametrize("text", ['m s="at 2000-01-01T00:00:00Z"', 'm s="at 10s"', 'm s="a\nb 10s"'])
def test_a_time_within_a_string_is_none(text: str) -> None:
    assert [line.time for line in read_lines(text, "ns", START, START)] == [START]
    assert first_time(text, "ns") is None


@pytest.mark.parametrize(
    "line", ["m", "m x", "m x=1 soon", "m x= 5s", "m x=1 2000-99-01T00:00:00Z", "m x=1 9999-01-01T00:00:00Z"]
)
def test_what_is_no_line_is_told(line: str) -> None:
    with pytest.raises(ValueError, match=line):
        list(read_lines(line, "ns", 0, 0))


def test_the_first_time_by_the_calendar() -> None:
    assert first_time("m x=1 10s\nm x=2 1700000000", "s") == 1_700_000_000 * SECOND
    assert first_time("m x=1 1970-01-01T00:00:05Z", "ns") == 5 * SECOND
    assert first_time("m x=1\nm x=1 10s", "ns") is None
    assert first_time("m x=1 2000-99-01T00:00:00Z", "ns") is None
