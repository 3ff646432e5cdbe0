"""Lines with their times."""

from __future__ import annotations

import pytest

from services.lineprotocol.timed import in_nanoseconds, with_times


@pytest.mark.parametrize(
    ("body", "timed", "points"),
    [
        (b"m v=1 5", b"m v=1 5", 1),
        (b"m v=1 5\nm v=2 -6\n", b"m v=1 5\nm v=2 -6", 2),
        (b"m v=1", b"m v=1 77", 1),
        (b"m,a=b v=1\n\n# remark 9\n  m v=2 6 \n", b"m,a=b v=1 77\nm v=2 6", 2),
        (b'm s="a 5"', b'm s="a 5" 77', 1),
        (b'm s="a\nb 4",t=1i\nm v=1', b'm s="a\nb 4",t=1i 77\nm v=1 77', 2),
        (b"a\\ b v=1   \n", b"a\\ b v=1 77", 1),
        (b"#m v=1 5", b"", 0),
        (b"\n", b"", 0),
        (b"", b"", 0),
    ],
)
def test_lines_without_a_time_get_one(body: bytes, timed: bytes, points: int) -> None:
    assert with_times(body, 77) == (timed, points)


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b"m v=1 1700000000", b"m v=1 1700000000000000000"),
        (b"m v=1 1700000000123", b"m v=1 1700000000123000000"),
        (b"m v=1 1700000000123456", b"m v=1 1700000000123456000"),
        (b"m v=1 1700000000123456789\n", b"m v=1 1700000000123456789\n"),
        (b"m v=1 4999999999\nm v=1 5000000000", b"m v=1 4999999999000000000\nm v=1 5000000000000000"),
        (b"m v=1 4999999999999999\nm v=1 5000000000000000", b"m v=1 4999999999999999000\nm v=1 5000000000000000"),
        (b"m v=1 -5\nm v=2\n\n# no\nm v=3 0", b"m v=1 -5000000000\nm v=2\nm v=3 0"),
        (b'm,a\\ b=c s="x\n 5 " 5', b'm,a\\ b=c s="x\n 5 " 5000000000'),
    ],
)
def test_each_time_is_what_its_size_says(body: bytes, written: bytes) -> None:
    assert in_nanoseconds(body) == written
