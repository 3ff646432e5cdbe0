"""A large body is checked in parts, with the same answer, and takes no more memory for it."""

from __future__ import annotations

import tracemalloc

import pytest

from services.lineprotocol import validate
from services.lineprotocol.validate import check

LINES = [b"m,h=%d v=%d" % (i % 7, i) + (b"" if i % 3 else b" %d" % i) for i in range(2000)]
BAD = [b"m", b"m v=", b"m v=1 x", b",h=a v=1", b"# comment", b"", b"m v=\xff"]
MIXED = b"\n".join(one for i, line in enumerate(LINES) for one in (line, *BAD[: i % 8 == 0]))


@pytest.mark.parametrize("body", [b"\n".join(LINES), MIXED, MIXED + b"\n", b"\n".join(BAD * 300), b"\n" * 5000])
@pytest.mark.parametrize("more", [b"", b'\nm v="a\nb"', b"\nm\\ x v=1"])
def test_it_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch, body: bytes, more: bytes) -> None:
    whole = check(body + more, "n")
    for size in (1, 100, 3000):
        monkeypatch.setattr(validate, "_LARGE", size)
        assert check(body + more, "n") == whole


def test_short_lines_take_a_bounded_amount_of_memory() -> None:
    body = b"hostile v=1\n" * (2 << 20)
    tracemalloc.start()
    assert check(body, "n") is None
    assert tracemalloc.get_traced_memory()[1] < 150 << 20
    tracemalloc.stop()
