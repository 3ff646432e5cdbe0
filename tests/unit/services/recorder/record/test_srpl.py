"""Files of streams that are larger than they look."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from services.recorder.record import srpl

POINT = b"db\nrp\nm v=1 1\n"
MEGABYTE = 1 << 20


def read(text: bytes, most: int = 1 << 30) -> int:
    """How many points there are."""
    return sum(part.points for part in srpl.read(gzip.compress(text, 1), MEGABYTE, most))


def test_what_unpacks_to_too_much_is_refused() -> None:
    assert read(POINT * 1000, 1000 * len(POINT)) == 1000
    with pytest.raises(srpl.BadFile, match="it unpacks to more than the max-import"):
        read(POINT * 1000, 1000 * len(POINT) - 1)


def test_a_line_has_a_bound() -> None:
    with pytest.raises(srpl.BadFile, match=f"a line is longer than {16 << 20} bytes"):
        read(b"db\nrp\n" + b"x" * (17 << 20))


def test_a_string_goes_over_so_many_lines_and_no_more() -> None:
    lines = b"\n" * 900
    assert read(b'db\nrp\nm v="' + lines + b'" 1\n') == 1
    with pytest.raises(srpl.BadFile, match="a string goes over more than 1000 lines"):
        read(b'db\nrp\nm v="' + lines * 2 + b'" 1\n')


def test_long_lines_are_worked_on_a_few_at_a_time() -> None:
    text = (b'db\nrp\nm v="' + b"x" * MEGABYTE + b'" 1\n') * 200
    data = gzip.compress(text, 1)
    del text
    tracemalloc.start()
    assert sum(part.points for part in srpl.read(data, MEGABYTE, 1 << 30)) == 200
    assert tracemalloc.get_traced_memory()[1] < 150 * MEGABYTE
    tracemalloc.stop()
