"""A large body is checked in parts, with the same answer, and takes no more memory or time for it."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from services.lineprotocol import validate
from services.lineprotocol.validate import check, check_each_line

LINES = [b"m,h=%d v=%d" % (i % 7, i) + (b"" if i % 3 else b" %d" % i) for i in range(2000)]
BAD = [b"m", b"m v=", b"m v=1 x", b",h=a v=1", b"# comment", b"", b"m v=\xff", b"m,a=1,a=2 v=1"]
MIXED = b"\n".join(one for i, line in enumerate(LINES) for one in (line, *BAD[: i % 8 == 0]))
LONG = b"k" * 65531


@pytest.mark.parametrize("body", [b"\n".join(LINES), MIXED, MIXED + b"\n", b"\n".join(BAD * 300), b"\n" * 5000])
@pytest.mark.parametrize("more", [b"", b'\nm v="a\nb"', b"\nm\\ x v=1", b'\nm v="open'])
def test_it_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch, body: bytes, more: bytes) -> None:
    whole = check_each_line(body + more, 1)
    assert check(body + more, "n") == whole
    for least, most in (1, 1), (1, 100), (100, 3000):
        monkeypatch.setattr(validate, "_LEAST", least)
        monkeypatch.setattr(validate, "MOST", most)
        assert check(body + more, "n") == whole


@pytest.mark.parametrize("rest", [b" v=1", b' v="a\nb"', b"\\ " + LONG + b" v=1"])
@pytest.mark.parametrize("key", [b"m,a=" + LONG, b"m,a=k" + LONG, b"m,a=kk" + LONG, b"m,b=1,b=" + LONG])
def test_a_key_may_be_so_long_and_no_longer(key: bytes, rest: bytes) -> None:
    body = key + rest + b"\n" + b"m v=1\n" * 20_000
    assert check(body, "n") == check_each_line(body, 1)


def test_a_long_line_among_others_is_valid() -> None:
    fields = b",".join(b"f%d=1" % i for i in range(20_000))
    assert check(b"m v=1\n" * 10 + b"m " + fields + b"\nm v=1", "n") is None


def test_short_lines_take_next_to_no_memory() -> None:
    body = b"hostile v=1\n" * (2 << 20)
    tracemalloc.start()
    assert check(body, "n") is None
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("line", [b"m,a=1,a=1 v=1\n", b"\tm v=1\n", b"m\n", b'm v="\n"\tm v=1\n'])
def test_lines_that_are_not_plain_take_no_longer_among_many(line: bytes) -> None:
    def seconds(lines: int) -> float:
        began = time.process_time()
        check(line * lines, "n")
        return time.process_time() - began

    seconds(100)
    few = min(seconds(500) for _ in range(3))
    assert seconds(16_000) < 32 * few * 3
