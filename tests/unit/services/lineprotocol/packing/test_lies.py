"""Bodies of a few bytes that say they are gigabytes are refused before anything is made of them."""

from __future__ import annotations

import ctypes
import struct

import pytest

from services.lineprotocol.lines import Payload
from services.lineprotocol.packing.layout import FIXED, HEAD, HEAP_AT, MOST_LINES, MOST_TEXT, PACKED, ROW_BYTES, read
from services.lineprotocol.packing.lines import decode_packed
from services.lineprotocol.packing.messages import stands_for
from services.lineprotocol.packing.packing import Packing
from services.lineprotocol.packing.scratch import OUT_ROOM
from services.lineprotocol.packing.some_lines import PackedText
from services.lineprotocol.packing.text import text_of
from tests.support.packing import pack

_KEY, _SHAPE = 6, 7
_LINES = 100_000


def _repeated(line: bytes, count: int = _LINES) -> bytes:
    """A packed body that says it has a line so many times."""
    body = pack(line)
    assert body is not None
    changed = bytearray(body)
    fields = line.count(b"=")
    struct.pack_into("<q", changed, HEAD, count)
    for row in (_KEY, _SHAPE, *range(FIXED, FIXED + 2 * fields)):
        struct.pack_into("<q", changed, HEAP_AT + row * ROW_BYTES + 8, count)
    return bytes(changed)


@pytest.mark.parametrize(
    "line",
    [
        b"m v=1",
        b"m,a=%b v=1" % (b"x" * 60_000),
        b'm v="%b"' % (b"x" * 60_000),
        b"m %b=1" % (b"x" * 60_000),
        b"m " + b",".join(b"f%d=1" % i for i in range(2000)),
    ],
    ids=["lines", "key", "text", "name", "fields"],
)
def test_more_text_than_is_told(line: bytes) -> None:
    body, told = _repeated(line), (len(line) + 1) * _LINES - 1
    assert read(body, told).n == _LINES
    for refused in (text_of, PackedText):
        with pytest.raises(ValueError, match="longer than it says"):
            refused(body, told - 1)


def test_more_values_than_is_told() -> None:
    body = _repeated(b"m " + b",".join(b"f%d=1" % i for i in range(2000)))
    _, rejected = decode_packed([Payload(body, "n", 0, text_bytes=6 * _LINES)])
    assert rejected[0].error == "packed: it has more values than its text could"


def test_more_than_anything_stands_for() -> None:
    assert stands_for({PACKED: str(MOST_TEXT)}) == MOST_TEXT
    assert stands_for({PACKED: str(MOST_TEXT + 1)}) == 0
    _, rejected = decode_packed([Payload(_repeated(b"m v=1", MOST_LINES + 1), "n", 0, text_bytes=MOST_TEXT)])
    assert rejected[0].error == "packed: its head is not one of a packed body"


def test_what_is_longer_is_checked_and_stays_text() -> None:
    rooms = []

    def kernel(*given: int) -> int:
        rooms.append(ctypes.c_int64.from_address(given[-1] + OUT_ROOM).value)
        return 0

    packing = Packing(kernel)
    line, short = b"cpu,host=a usage=12.5 1700000000000000000\n", b"m v=1000\n"
    for body in (line * (MOST_TEXT // len(line)), short * (MOST_LINES - 1), line * (MOST_TEXT // len(line) + 1)):
        assert packing.pack(body, "n") == b""
    assert packing.pack(short * MOST_LINES, "n") == b""
    assert [room > 0 for room in rooms] == [True, True, False, False]


def test_lengths_whose_sum_is_right_only_modulo_2_64() -> None:
    body = bytearray(pack(b"a v=1\nb v=1\nc v=1\nd v=1") or b"")
    struct.pack_into("<q", body, HEAP_AT + 24, 1 + 2**62)
    with pytest.raises(ValueError, match="texts are not as long"):
        read(bytes(body))
