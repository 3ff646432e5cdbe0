"""Packed bodies that lie: refused, or read without a look beyond them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import numpy as np
import pytest

from services.lineprotocol.lines import Payload
from services.lineprotocol.packing import lines as packed_lines
from services.lineprotocol.packing.layout import HEAD, HEAP_AT, ROW_BYTES
from services.lineprotocol.packing.lines import decode_packed
from tests.support.packing import pack
from tests.unit.services.lineprotocol.packing.test_bounds import _Room

TEXT = b"\n".join(
    b'cpu,host=h%d v=%d.%d,s="a%d",n=%di %d' % (i % 3, i, i % 10, i % 2, i, 17 + i // 4) for i in range(20)
)
MIXED = TEXT + b"\nmem,host=h1 used=5i,free=0.12345678901234567 17\ncpu v=1,v=2 17"


def packed(text: bytes = TEXT) -> bytes:
    body = pack(text)
    assert body is not None
    return body


def refusal(body: bytes, text_bytes: int = len(TEXT)) -> str:
    lines, rejected = decode_packed([Payload(body, "n", 5, text_bytes=text_bytes)])
    assert len(lines) == 0 and len(rejected) == 1
    return rejected[0].error


def row(array: int, **parts: int) -> Callable[[bytearray], None]:
    """Change what the directory says of an array."""
    begin = HEAP_AT + ROW_BYTES * array

    def change(body: bytearray) -> None:
        for index, name in enumerate(("at", "count", "width", "base")):
            if name in parts:
                struct.pack_into("<q", body, begin + 8 * index, parts[name])

    return change


def said(index: int, number: int) -> Callable[[bytearray], None]:
    """Change what the head says."""
    return lambda body: struct.pack_into("<q", body, HEAD + 8 * index, number)


_KEYS, _NAMES, _PER_SHAPE, _NAME, _KIND, _KEY, _TIMES, _REPEATS, _VALUES = 0, 1, 3, 4, 5, 6, 8, 9, 10


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.__setitem__(0, 0),
        said(0, 2**40),
        said(0, -1),
        said(1, 4),
        said(2, 10**6),
        said(5, 10**9),
        said(6, 2**62),
        said(7, 1),
        row(_KEYS, width=3),
        row(_KEYS, base=2**62),
        row(_NAMES, base=-5),
        row(_PER_SHAPE, base=2**63 - 1),
        row(_NAME, base=100),
        row(_KIND, base=7),
        row(_KEY, at=-8),
        row(_KEY, at=2**63 - 4),
        row(_KEY, count=19),
        row(_KEY, base=3),
        row(_TIMES, base=2**63 - 18),
        row(_REPEATS, base=0, width=0),
        row(_REPEATS, base=-1),
        row(_VALUES, count=2),
        row(_VALUES, count=2**62, width=8),
    ],
)
def test_what_is_no_packed_body_is_refused(change: Callable[[bytearray], None]) -> None:
    body = bytearray(packed())
    change(body)
    assert refusal(bytes(body)).startswith("packed: ")


def test_what_is_cut_is_refused() -> None:
    body = packed()
    for end in range(0, len(body) - 8, 7):
        refusal(body[:end])


def test_more_lines_than_the_text_has_room_for() -> None:
    assert "more lines" in refusal(packed(), 100)


@pytest.mark.parametrize("key", [b"cpu,host=hx y", b"cpu,host=h1,host=a", b"cpu,host=", b"#x", b",host=h1", b"c\n"])
def test_keys_that_are_none(key: bytes) -> None:
    other = b"k" * len(key)
    body = packed(b"m v=1\n%b v=1" % other).replace(other, key)
    assert refusal(body, 1000) == "packed: a key is none"


@pytest.mark.parametrize("name", [b"a=b", b"a,b", b"a b", b" a", b"a\n", b"a\\"])
def test_names_that_are_none(name: bytes) -> None:
    other = b"k" * len(name)
    body = packed(b"m v=1\nm %b=1" % other).replace(other, name)
    assert refusal(body, 1000) == "packed: a name is none"


def test_values_that_are_none_are_missing() -> None:
    body = packed(b'm v=1,s="a",n=5\nm v=2,s="b",n=6')
    body = body.replace(b'"a"', b"abc")
    lines, rejected = decode_packed([Payload(body, "n", 5, text_bytes=1000)])
    assert not rejected
    (strings,) = lines.columns(["s"], None)
    assert strings is not None and strings.tolist()[1] == "b" and strings.mask().tolist() == [False, True]
    assert lines.malformed == 1


def test_nothing_beyond_a_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    room, some = _Room(), random.Random(5)
    monkeypatch.setattr(packed_lines, "address_of", room.address_of)
    whole = packed(MIXED)
    numbers = [2**63 - 1, -(2**63), -1, 1, 2**31, 255, len(whole), len(whole) - 64]
    for _ in range(400):
        body = bytearray(whole)
        for _ in range(some.choice([1, 1, 2, 5])):
            if some.random() < 0.6:
                at = HEAD + 8 * some.randrange((HEAP_AT - HEAD) // 8 + 4 * 20)
                struct.pack_into("<q", body, at, some.choice([*numbers, some.randrange(len(whole))]))
            else:
                body[some.randrange(8, len(body))] = some.randrange(256)
        lines, _ = decode_packed([Payload(bytes(body), "n", 5, text_bytes=len(MIXED))])
        names = lines.names(None)
        lines.columns(names, None)
        if len(lines):
            picked = lines.pick(np.array([0, len(lines) - 1]))
            picked.columns(picked.names(None), None)
        del lines
        room.free()
