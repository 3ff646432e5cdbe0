"""Bodies are cut where lines end, and nowhere else."""

from __future__ import annotations

import pytest

from services.gateway.http.writing.cut import LineTooLong, cut


def test_a_body_that_fits_is_not_copied() -> None:
    body = b"cpu v=1\ncpu v=2"
    assert cut(body, len(body))[0] is body


def test_pieces_are_as_large_as_whole_lines_allow() -> None:
    assert cut(b"a v=1\nb v=2\nc v=3", 12) == [b"a v=1\nb v=2\n", b"c v=3"]


@pytest.mark.parametrize(
    "line",
    [
        b'cpu s="one\ntwo\nthree",v=1 5\n',
        b'cpu s="a \\" quote\nand more" 5\n',
        b'cpu s="a \\\\",t="\n" 5\n',
        b'cpu,host=a"b v=1 5\n',
        b'cpu\\ x s="\n"\n',
        b'cpu a="x",b="y\nz",c=1i 5\n',
        b'# a remark with a " in it\n',
    ],
)
def test_a_line_stays_whole(line: bytes) -> None:
    body = line * 40
    pieces = cut(body, 3 * len(line) + 1)
    assert b"".join(pieces) == body
    assert all(piece == line * (len(piece) // len(line)) for piece in pieces)


def test_a_line_that_does_not_fit_is_named() -> None:
    with pytest.raises(LineTooLong, match=r"unable to write 'big v=1 .* takes 2008 bytes"):
        cut(b"cpu v=1\n" + b"big v=1" + b" " * 2000 + b"\ncpu v=1\n", 1000)
