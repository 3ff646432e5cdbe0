"""Kernels read no byte beyond PAD: texts and tables that end where memory does."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator

import numpy as np
import pytest

from services.lineprotocol import fields, keytable, lines
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Payload, WantedLines, decode
from services.lineprotocol.scanning import PAD

_LONG = b"m,t=" + b"k" * 65_600
_TAGS = b"".join(b",t%d=v" % i for i in range(70))
BODIES = [
    b"",
    b"m",
    b"#",
    b"\\",
    b'"',
    b" ",
    b"m v",
    b"m v=",
    b"m v=1",
    b'm v="',
    b'm v="a\\',
    b'm v="a',
    b'm v="a"',
    b"m v=1 ",
    b"m v=1 -",
    b"m v=1 1700000000000000000",
    b"m v=t",
    b"m v=-",
    b"m v=1e",
    b"m,t=a",
    b"m,t",
    b"m,",
    b"# a comment \\",
    b"m v=1\nm,t=a w=2i 5\n",
    b"m" + _TAGS + b" v=1",
    b"m" + _TAGS[:-6] + b" v=1 1",
    _LONG,
    _LONG + b" v=1",
    _LONG[:65_535] + b" v=1",
    b'm v="' + b"s" * 70_000 + b'"',
    b"m,t=a v=1",
    b"m,t=a v=1 ",
    b"m,t=a ",
    b"m,t=b v=1",
    b'm,t=a v="',
    b"m,t=a v=1\\",
    b"m,t=abcdefg v=1\nm,t=abcdefg v=1",
    b"m\\,t=a v=1",
    b"m " + b"=" * 99 + b" 1",
    b"m " + b",".join(b"%c=" % c for c in range(97, 122)),
    b"m ,=,=1,,==2,a==,b=1=2",
    b"n" * 9000 + b" v=1\nm v=1",
    b"n" * 9000 + b"\nm v=1",
]
_PAGE, _NO_ACCESS = mmap.PAGESIZE, 0


class _Ends:
    """Bytes with a page behind them that cannot be read."""

    def __init__(self) -> None:
        self._held: list[mmap.mmap] = []

    def address_of(self, text: bytes) -> int:
        size = -(-len(text) // _PAGE) * _PAGE
        memory = mmap.mmap(-1, size + _PAGE)
        memory[size - len(text) : size] = text
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self._forbid(base + size)
        self._held.append(memory)
        return base + size - len(text)

    def hold(self, table: KeyTable) -> None:
        """Have what kernels are told of a table lie there, so long as none is put in."""
        _, last, _, _, seed = table.told
        heap = table._heap[: table._heap_used + PAD]
        slots, entries, keys = (self.address_of(a.tobytes()) for a in (table._slots, table._entries, heap))
        table.told = slots, last, entries, keys, seed

    def _forbid(self, address: int) -> None:
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(_PAGE), _NO_ACCESS) == 0


@pytest.fixture
def texts_end_where_memory_does(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ends = _Ends()
    for module in (lines, fields, keytable):
        monkeypatch.setattr(module, "address_of", ends.address_of)
    yield


@pytest.mark.usefixtures("texts_end_where_memory_does")
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("shift", [0, 1, 7, 63])
def test_nothing_is_read_beyond_the_pad(body: bytes, shift: int) -> None:
    ends = _Ends()
    names, series = KeyTable(), KeyTable()
    names.add({b"m": 0, b"x": 1})
    series.add({b"m": 0, b"x": 1, b"m,t=a": 2, b"m,t=abcdefg": 3} | {b"s%d" % n: n for n in range(4, 16)})
    for table in (names, series):
        ends.hold(table)
    payloads = [Payload(b"x v=" + b"1" * shift, "n", 5), Payload(body, "n", 5)]
    for wanted in ([], [True, True], [False, True], [False, False]):
        for foreign in ([], [-1] * 16, [0, -1, 1], [0] * 16):
            flags, far = np.array(wanted, dtype=np.bool_), np.array(foreign, dtype=np.int32)
            found, _ = decode(payloads, WantedLines(names, flags, series, far))
            assert found.number_keys(KeyTable(), len).tolist() == found.number_keys(KeyTable(), len).tolist()
            last = np.arange(found.n, dtype=np.intp)[-1:]
            for some in (found, found.pick(last)):
                rows = last if some is found else None
                asked = some.names(rows)
                assert len(some.columns([*asked, "none", "n" * 70], rows)) == len(asked) + 2
                some.columns(asked, None)


def test_a_string_that_begins_with_the_next_64_bytes_is_one_text() -> None:
    lines_of_64 = b"".join(b'%b s="%c,%c"\n' % (b"m" * 55, c, c) for c in range(97, 122))
    found, _ = decode([Payload(b"m v=1\n" + lines_of_64, "n", 5)])
    (column,) = found._fields._read(["s"], np.arange(1, 9, dtype=np.intp))
    assert column is not None and len(column._strings) == 8
    strings = column.column(None)
    assert strings is not None and strings.tolist() == [f"{chr(c)},{chr(c)}" for c in range(97, 105)]
