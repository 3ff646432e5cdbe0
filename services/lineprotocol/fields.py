"""Columns of the fields of lines, read when they are asked for."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import DTYPES, BoolArray, Column, Kind, Rows, Value
from services.kernels.primitives import address_of
from services.lineprotocol import reference_parser
from services.lineprotocol.keytable import packed
from services.lineprotocol.reading import (
    BOOL,
    CODES,
    FLOAT,
    INT,
    LATER,
    NONE,
    STRING,
    Bytes,
    Ints,
    Longs,
    name,
    read,
)
from services.lineprotocol.text import REPLACED

_KINDS = {FLOAT: Kind.FLOAT, INT: Kind.INT, STRING: Kind.STRING, BOOL: Kind.BOOL}
_CODES = {float: FLOAT, int: INT, str: STRING, bool: BOOL}
_SPECIAL = re.compile(r'[," =]')
_MOST_CACHED = 4096
_LEAST_BYTES = 4  # of a field with what stands before it
_LONGEST = 63  # lengths of names from here on are one to kernels
# Columns asked for this part of the rows, or more, are read for all of them.
_MOST = 0.5


class Fields:
    """The fields of some lines, and what the reference parser has read of other lines among them.

    unreadable: row and name of each value found not to be readable.
    """

    def __init__(
        self, raw: bytes, address: int, begins: Ints, ends: Ints, odd: Mapping[int, Mapping[str, Value]]
    ) -> None:
        """raw: the text, with PAD bytes behind it; address: of its first byte. begins, ends: int32[n], as
        services.lineprotocol.reading has them. odd: by row, what has been read already; there is nothing between begin
        and end of those."""
        self.unreadable: set[tuple[int, str]] = set()
        self._raw = raw
        self._address = address
        self._begins, self._ends, self._odd = begins, ends, odd
        self._whole: dict[str, _Decoded | None] = {}

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        """See Lines.columns."""
        if rows is None or len(rows) >= _MOST * len(self._begins):
            missing = [name for name in names if name not in self._whole]
            if missing:
                self._whole.update(zip(missing, self._read(missing, None), strict=True))
            return [None if (found := self._whole[name]) is None else found.column(rows) for name in names]
        if not len(rows):
            return [None] * len(names)
        return [None if found is None else found.column(None) for found in self._read(names, rows)]

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        found = {reference_parser.unescape_name(raw) for raw in self._raw_names(rows)}
        for row in (self._odd if rows is None else rows.tolist()) if self._odd else ():
            found.update(self._odd.get(row, ()))
        return sorted(found)

    def pick(self, rows: Rows) -> Fields:
        """See Lines.pick."""
        chosen = rows.tolist()
        odd = {i: self._odd[row] for i, row in enumerate(chosen) if row in self._odd} if self._odd else {}
        spans = zip(self._begins[rows].tolist(), self._ends[rows].tolist(), strict=True)
        raw, begins, ends = packed([self._raw[begin : end + 1] for begin, end in spans])
        return Fields(raw, address_of(raw), begins, ends - np.int32(1), odd)

    def _raw_names(self, rows: Rows | None) -> set[bytes]:
        begins, ends, texts = self._spans(rows)
        cache = np.zeros(_cached(len(begins)), dtype=np.int32)
        made = name(self._address, begins, ends, cache, texts)
        return {self._text(span) for span in texts[:made].tolist()}

    def _spans(self, rows: Rows | None) -> tuple[Ints, Ints, Longs]:
        """Where the fields of some rows, of which some may come several times, or of all begin and end, and room for
        their texts."""
        if rows is None:
            return self._begins, self._ends, np.empty(len(self._raw) // _LEAST_BYTES + 1, dtype=np.int64)
        begins, ends = self._begins[rows], self._ends[rows]
        return begins, ends, np.empty(int((ends - begins).sum()) // _LEAST_BYTES + 1, dtype=np.int64)

    def _text(self, span: int) -> bytes:
        return self._raw[span >> 32 : span & 0xFFFFFFFF]

    def _read(self, names: Sequence[str], rows: Rows | None) -> list[_Decoded | None]:
        """Some fields over all rows, or some."""
        begins, ends, texts = self._spans(rows)
        n = len(begins)
        heap, wanted, lengths = self._wanted(names, rows)
        codes = np.zeros((len(names), n), dtype=np.uint8)
        ints = np.empty((len(names), n), dtype=np.int64)
        cache = np.zeros((len(names), _cached(n)), dtype=np.int32)
        counts = np.zeros((len(names) + 1, CODES), dtype=np.int64)
        read(
            self._address,
            begins,
            ends,
            address_of(heap),
            wanted,
            lengths,
            codes,
            ints,
            ints.view(np.float64),
            texts,
            cache,
            counts,
        )
        strings = np.empty(int(counts[-1, 0]), dtype=np.object_)
        strings[:] = [reference_parser.string(self._text(span)) for span in texts[: len(strings)].tolist()]
        strange = self._odd_among(rows)
        found: list[_Decoded | None] = []
        for column, name_ in enumerate(names):
            some = _Decoded(codes[column], ints[column], strings, counts[column])
            if counts[column, LATER]:
                self._read_later(name_, some, rows)
            some.put((i, fields[name_]) for i, fields in strange if name_ in fields)
            found.append(some if some.present else None)
        return found

    def _wanted(self, names: Sequence[str], rows: Rows | None) -> tuple[bytes, Longs, np.uint64]:
        """What kernels are told of names. One with U+FFFD may stand for any of several."""
        if not any(REPLACED in name for name in names):
            return _plain(tuple(names))
        raw = {escaped(name): column for column, name in enumerate(names) if REPLACED not in name}
        columns = {name: column for column, name in enumerate(names)}
        for written in self._raw_names(rows):
            column = columns.get(reference_parser.unescape_name(written))
            if column is not None:
                raw[written] = column
        return _told(raw)

    def _odd_among(self, rows: Rows | None) -> Sequence[tuple[int, Mapping[str, Value]]]:
        if not self._odd:
            return ()
        if rows is None:
            return list(self._odd.items())
        return [(i, self._odd[row]) for i, row in enumerate(rows.tolist()) if row in self._odd]

    def _read_later(self, name: str, some: _Decoded, rows: Rows | None) -> None:
        """Read one by one what a kernel has left: numbers of many digits, and what is no value."""
        values: list[tuple[int, Value]] = []
        for i, span in some.later():
            value = reference_parser.value(self._text(span))
            if isinstance(value, float | int | str):
                values.append((i, value))
            else:
                self.unreadable.add((i if rows is None else int(rows[i]), name))
        some.put(values)


class _Decoded:
    """One field over n rows, whatever its types."""

    __slots__ = ("_arrays", "_codes", "_counts", "_ints", "_strings")

    def __init__(self, codes: Bytes, ints: Longs, strings: NDArray[Any], counts: Longs) -> None:
        """As services.lineprotocol.reading has them, of one column; strings: object[texts], the texts."""
        self._codes, self._ints, self._strings = codes, ints, strings
        self._counts = counts.tolist()
        self._arrays: dict[int, NDArray[Any]] = {}

    @property
    def present(self) -> bool:
        """Whether any row has the field."""
        return any(self._counts[FLOAT:LATER])

    def later(self) -> Sequence[tuple[int, int]]:
        """Row and span of what is to be read otherwise. Those rows have nothing then."""
        rows = np.flatnonzero(self._codes == LATER)
        self._codes[rows] = NONE
        self._counts[LATER] = 0
        return list(zip(rows.tolist(), self._ints[rows].tolist(), strict=True))

    def put(self, values: Iterable[tuple[int, Value]]) -> None:
        """Let rows that have nothing have values."""
        for row, value in values:
            code = _CODES[type(value)]
            self._array(code)[row] = value
            self._codes[row] = code
            self._counts[code] += 1

    def column(self, rows: Rows | None) -> Column | None:
        """The column over some rows (all if None); None where none of them has the field."""
        present = [code for code in _KINDS if self._counts[code]]
        if len(present) == 1 and self._counts[present[0]] == len(self._codes):
            array = self._array(present[0])
            return Column(_KINDS[present[0]], array if rows is None else array[rows])
        codes = self._codes if rows is None else self._codes[rows]
        if rows is not None:
            present = [code for code in present if (codes == code).any()]
        if not present:
            return None
        there: BoolArray = codes != NONE
        valid = None if there.all() else there
        if len(present) == 1:
            array = self._array(present[0])
            return Column(_KINDS[present[0]], array if rows is None else array[rows], valid)
        mixed = np.zeros(len(codes), dtype=np.object_)
        for code in present:
            where = codes == code
            array = self._array(code) if rows is None else self._array(code)[rows]
            # As a list, so that the values are Python's and not numpy's.
            mixed[where] = np.fromiter(array[where].tolist(), dtype=np.object_, count=int(where.sum()))
        return Column(Kind.MIXED, mixed, valid)

    def _array(self, code: int) -> NDArray[Any]:
        """The values of one type, each in its row; what stands in the others means nothing."""
        array = self._arrays.get(code)
        if array is None:
            array = self._arrays[code] = self._made(code)
        return array

    def _made(self, code: int) -> NDArray[Any]:
        n = len(self._codes)
        if not self._counts[code]:
            return np.zeros(n, dtype=DTYPES[_KINDS[code]])
        if code == FLOAT:
            return self._ints.view(np.float64)
        if code == INT:
            return self._ints
        if code == BOOL:
            true: NDArray[Any] = self._ints == 1
            return true
        if self._counts[STRING] == n:
            every: NDArray[Any] = self._strings[self._ints]
            return every
        strings = np.zeros(n, dtype=np.object_)
        rows = np.flatnonzero(self._codes == STRING)
        strings[rows] = self._strings[self._ints[rows]]
        return strings


def _cached(n: int) -> int:
    """How many texts are remembered while so many rows are read: a power of two."""
    return min(_MOST_CACHED, 1 << (2 * n).bit_length())


@functools.lru_cache(maxsize=256)
def _plain(names: tuple[str, ...]) -> tuple[bytes, Longs, np.uint64]:
    return _told({escaped(name): column for column, name in enumerate(names)})


def _told(raw: Mapping[bytes, int]) -> tuple[bytes, Longs, np.uint64]:
    """Names as written, and to which column each belongs, as services.lineprotocol.reading has them."""
    heap, begins, ends = packed(list(raw))
    wanted = np.empty((len(raw), 3), dtype=np.int64)
    wanted[:, 0], wanted[:, 1], wanted[:, 2] = begins, ends - begins, list(raw.values())
    lengths = 0
    for written in raw:
        lengths |= 1 << min(len(written), _LONGEST)
    return heap, wanted, np.uint64(lengths)


def escaped(name: str) -> bytes:
    """The one way in which a name stands in a regular line."""
    return _SPECIAL.sub(r"\\\g<0>", name).encode(errors="surrogatepass")
