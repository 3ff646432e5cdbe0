"""Messages are read as text whether they are packed or not, and lines of them by their numbers."""

from __future__ import annotations

import pytest

from services.lineprotocol import reference_parser
from services.lineprotocol.packing import messages
from tests.support.packing import pack

BODY = b'cpu,host=a v=1,w=-0.50 17\nm,t=x\\ y s="a b",n=5i 17\ncpu,host=a v=2,w=0.25 18\ncpu v=1e3 -4'
UNTIMED = b"cpu,host=a v=1\ncpu,host=b v=2"


def packed(body: bytes) -> tuple[bytes, dict[str, str]]:
    made = pack(body)
    assert made is not None
    return made, {"packed": str(len(body))}


@pytest.mark.parametrize("body", [BODY, UNTIMED])
def test_text(body: bytes) -> None:
    data, headers = packed(body)
    assert messages.text(data, headers) == body == messages.text(body, None)
    assert messages.text_bytes(data, headers) == len(body) == messages.text_bytes(body, {"precision": "s"})
    assert messages.line_count(data, headers) == body.count(b"\n") + 1 == messages.line_count(body + b"\n", None)


@pytest.mark.parametrize("rows", [[], [0], [3], [1, 2], [0, 1, 2, 3], [2, 900]])
def test_some_lines(rows: list[int]) -> None:
    lines = list(reference_parser.lines(BODY))
    expected = [lines[row] for row in rows if row < len(lines)]
    assert messages.some_lines(*packed(BODY), rows) == expected == messages.some_lines(BODY, None, rows)


def test_comments_and_blank_lines_have_no_number() -> None:
    assert messages.some_lines(b"# a\n\n m v=1\nm v=2\n", None, [0, 1]) == [b"m v=1", b"m v=2"]


def test_what_only_says_that_it_is_packed() -> None:
    headers = {"packed": "20"}
    assert messages.text(b"cpu v=1", headers) == b"cpu v=1"
    assert messages.some_lines(b"cpu v=1", headers, [0]) == []


@pytest.mark.parametrize("header", ["", "-1", "x", "99999999999999"])
def test_headers_that_say_nothing(header: str) -> None:
    assert messages.stands_for({"packed": header}) == 0
