"""Lines with their times."""

from __future__ import annotations

import pytest

from services.lineprotocol.timed import with_times


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
