"""Columns of the fields of packed lines."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, IntArray, Rows
from services.kernels.compiled import compiled
from services.lineprotocol import reference_parser
from services.lineprotocol.decoded import CODE_OF, ColumnsOnDemand, Decoded
from services.lineprotocol.packing.layout import MOST_DECIMALS, NUMBER, TEXT
from services.lineprotocol.packing.unpacking import (
    DECIMALS_AT,
    DECIMALS_BASE,
    DECIMALS_MASK,
    DECIMALS_WIDTH,
    FIELD_AT,
    FIELD_BASE,
    FIELD_KIND,
    FIELD_MASK,
    FIELD_NAME,
    FIELD_WIDTH,
    FIRST_TEXT,
    LAST_TEXT,
    Bytes,
    Ints,
    Longs,
    value_at,
)
from services.lineprotocol.reading import BOOL, CODES, FLOAT, INT, LATER, NONE, STRING, float_of
from services.lineprotocol.scanning import PAD

_UNREAD = 255
_EIGHT = 8
_int64: Any = np.int64

unescaped = functools.lru_cache(maxsize=4096)(reference_parser.unescape_name)
"""A field's name as written to text."""


class Texts:
    """The texts that values are, each read once it is asked for, whoever asks. values: object[k]; codes: uint8[k], as
    services.lineprotocol.reading has them, LATER for one that cannot be read."""

    def __init__(self, raw: bytes, spans: Longs) -> None:
        """raw: where they are; spans: int64[k, 2], where each begins and how long it is."""
        self.values: NDArray[Any] = np.zeros(len(spans), dtype=np.object_)
        self.codes: Bytes = np.full(len(spans), _UNREAD, dtype=np.uint8)
        self._raw, self._spans = raw, spans

    def read(self, numbers: IntArray) -> IntArray:
        """Read those of these numbers, of which some may come again, that have not been read; gives each once."""
        asked: BoolArray = np.zeros(len(self.codes), dtype=np.bool_)
        asked[numbers] = True
        fresh = (asked & (self.codes == _UNREAD)).nonzero()[0]
        for number, (begin, length) in zip(fresh.tolist(), self._spans[fresh].tolist(), strict=True):
            value = reference_parser.value(self._raw[begin : begin + length])
            self.values[number], self.codes[number] = value, CODE_OF.get(type(value), LATER)
        return asked.nonzero()[0]

    def pick(self, numbers: IntArray) -> Texts:
        """Some of them, which have been read, by themselves."""
        picked = Texts(b"", np.empty((len(numbers), 2), dtype=np.int64))
        picked.values, picked.codes = self.values[numbers], self.codes[numbers]
        return picked


class PackedFields(ColumnsOnDemand):
    """The fields of lines of packed bodies."""

    def __init__(
        self,
        held: bytes | Bytes,
        address: int,
        shape: Ints,
        place: Ints,
        shapes: Longs,
        fields: Longs,
        names: Sequence[str],
        texts: Texts,
    ) -> None:
        """held: where the values are; address: of its first byte. shape, place: int32[n] of the lines; shapes, fields:
        as services.lineprotocol.packing.unpacking has them; names: by the numbers that fields have."""
        super().__init__(len(shape))
        self._held, self._address = held, address
        self._shape, self._place, self._shapes, self._fields = shape, place, shapes, fields
        self._texts = texts
        numbers: dict[str, int] = {}
        of_names = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int32)
        self._numbers: Mapping[str, int] = numbers
        self._names = list(numbers)
        self._name: Ints = of_names[fields[:, FIELD_NAME]]  # of each field
        # the shape of each field
        self._of: IntArray = np.searchsorted(shapes[:, 0], np.arange(len(fields)), "right")

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        there = self._there(self._shape if rows is None else self._shape[rows])
        numbers = np.unique(self._name[there[self._of]])
        return sorted(self._names[number] for number in numbers.tolist())

    def pick(self, rows: Rows) -> PackedFields:
        """See Lines.pick."""
        of, place = self._shape[rows], self._place[rows]
        there = self._there(of)
        lines = np.bincount(of, minlength=len(there))
        counts = lines[self._of]
        firsts = np.cumsum(counts) - counts
        held: Bytes = np.empty(int(counts.sum()) * (_EIGHT + 1) + PAD, dtype=np.uint8)
        total = int(counts.sum())
        values, decimals = held[: _EIGHT * total].view(np.int64), held[_EIGHT * total : -PAD]
        _gather(self._address, self._fields, self._shapes, of, place, firsts.copy(), values, decimals)
        kept = there[self._of]
        fields = self._fields[kept]
        texts = self._pick_texts(values, np.repeat(self._fields[:, FIELD_KIND] == TEXT, counts))
        fields[:, FIELD_NAME] = self._name[kept]
        fields[:, FIELD_AT], fields[:, DECIMALS_AT] = firsts[kept] * _EIGHT, _EIGHT * total + firsts[kept]
        fields[:, [FIELD_WIDTH, DECIMALS_WIDTH]] = _EIGHT, 1
        fields[:, [FIELD_MASK, DECIMALS_MASK]] = -1, 0xFF
        fields[:, [FIELD_BASE, DECIMALS_BASE]] = 0
        fields[:, [FIRST_TEXT, LAST_TEXT]] = 0, len(texts.codes)
        shapes = np.zeros((int(there.sum()), 2), dtype=np.int64)
        shapes[:, 0] = np.cumsum(np.bincount(self._of, minlength=len(there))[there])
        order = np.argsort(of, kind="stable")
        ranks = np.empty(len(of), dtype=np.int32)
        ranks[order] = np.arange(len(of)) - (np.cumsum(lines) - lines)[of[order]]
        shape = (np.cumsum(there) - 1).astype(np.int32)[of]
        return PackedFields(held, held.ctypes.data, shape, ranks, shapes, fields, self._names, texts)

    def _there(self, shape: Ints) -> BoolArray:
        """Which shapes occur."""
        there: BoolArray = np.zeros(len(self._shapes), dtype=np.bool_)
        there[shape] = True
        return there

    def _pick_texts(self, values: IntArray, text: BoolArray) -> Texts:
        """The texts that some values are, by numbers that they are given instead."""
        rows = (text & (values >= 0)).nonzero()[0]
        numbers = self._texts.read(values[rows])
        values[rows] = np.searchsorted(numbers, values[rows])
        return self._texts.pick(numbers)

    def _read(self, names: Sequence[str], rows: Rows | None) -> list[Decoded | None]:
        shape, place = (self._shape, self._place) if rows is None else (self._shape[rows], self._place[rows])
        return [self._read_one(name, shape, place, rows) for name in names]

    def _read_one(self, name: str, shape: Ints, place: Ints, rows: Rows | None) -> Decoded | None:
        number = self._numbers.get(name)
        if number is None:
            return None
        field: Ints = np.full(len(self._shapes), -1, dtype=np.int32)
        hits = (self._name == number).nonzero()[0]
        field[self._of[hits]] = hits  # of several in a shape the last one
        codes: Bytes = np.zeros(len(shape), dtype=np.uint8)
        ints: Longs = np.empty(len(shape), dtype=np.int64)
        counts: Longs = np.zeros(CODES, dtype=np.int64)
        _read(self._address, self._fields, field, shape, place, codes, ints, ints.view(np.float64), counts)
        if counts[STRING]:
            self._read_texts(codes, ints, counts)
        found = Decoded(codes, ints, self._texts.values, counts)
        if counts[LATER]:
            lost = [row for row, _ in found.later()]
            self.unreadable.update((row, name) for row in (lost if rows is None else rows[lost].tolist()))
        return found if found.present else None

    def _read_texts(self, codes: Bytes, ints: Longs, counts: Longs) -> None:
        """Let rows that have a text have what it says."""
        rows = (codes == STRING).nonzero()[0]
        numbers = ints[rows]
        distinct = self._texts.read(numbers)
        if (self._texts.codes[distinct] == STRING).all():
            return
        codes[rows] = self._texts.codes[numbers]
        for code, array in ((FLOAT, ints.view(np.float64)), (INT, ints), (BOOL, ints)):
            its = (codes[rows] == code).nonzero()[0]
            array[rows[its]] = self._texts.values[numbers[its]].astype(array.dtype)
        counts[:] = np.bincount(codes, minlength=CODES)
        counts[NONE] = 0


@compiled(
    "void(int64, int64[:, ::1], int32[::1], int32[::1], int32[::1], uint8[::1], int64[::1], float64[::1], int64[::1])"
)
def _read(
    text: int,
    fields: Longs,
    field: Ints,
    shapes: Ints,
    places: Ints,
    codes: Bytes,
    ints: Longs,
    floats: NDArray[np.float64],
    counts: Longs,
) -> None:
    """One field of some lines, told by their shapes and places: int32[n] both.

    fields: as services.lineprotocol.packing.unpacking has found them; field: int32[s], which of them each shape has, or
    -1.
    codes, ints, floats: as services.lineprotocol.reading has them, of one column, codes zeros; a STRING is any text, by
    its number, and what is LATER can never be read. counts: int64[CODES], zeros: how many there are of each code.
    """
    known = at = width = mask = base = tens_at = tens_width = tens_mask = tens_base = _int64(-1)
    decimals = _int64(0)
    code, lost = NONE, 0
    for i in range(len(shapes)):
        shape = shapes[i]
        if shape != known:
            known = _int64(shape)
            one = _int64(field[shape])
            if one < 0:
                code = NONE
            else:
                kind = fields[one, FIELD_KIND]
                code = FLOAT if kind == NUMBER else STRING if kind == TEXT else INT
                at, width = fields[one, FIELD_AT], fields[one, FIELD_WIDTH]
                mask, base = fields[one, FIELD_MASK], fields[one, FIELD_BASE]
                tens_at, tens_width = fields[one, DECIMALS_AT], fields[one, DECIMALS_WIDTH]
                tens_mask, tens_base = fields[one, DECIMALS_MASK], fields[one, DECIMALS_BASE]
                decimals = tens_base
                first, end = fields[one, FIRST_TEXT], fields[one, LAST_TEXT]
        if code == NONE:
            continue
        value = value_at(text, at, width, mask, base, places[i])
        found = code
        if code == FLOAT:
            if tens_width:
                decimals = value_at(text, tens_at, tens_width, tens_mask, tens_base, places[i])
            if 0 <= decimals <= MOST_DECIMALS:
                number = float_of(np.uint64(-value if value < 0 else value), -decimals)
                floats[i] = -number if value < 0 else number
            else:
                found = LATER
        elif code == STRING:
            value += first
            if value < first or value >= end:
                found = LATER
            ints[i] = value
        else:
            ints[i] = value
        codes[i] = found
        if found == LATER:
            lost += 1
        counts[code] += 1
    if lost:
        counts[:] = 0
        for i in range(len(codes)):
            counts[codes[i]] += 1
        counts[NONE] = 0


@compiled("void(int64, int64[:, ::1], int64[:, ::1], int32[::1], int32[::1], int64[::1], int64[::1], uint8[::1])")
def _gather(
    text: int, fields: Longs, shapes: Longs, of: Ints, places: Ints, firsts: Longs, values: Longs, decimals: Bytes
) -> None:
    """All values of some lines, told by their shapes and places, field by field.

    firsts: int64[f], where the values of each field begin, and behind the last of them afterwards. A text is told by
    its number, or by -1.
    """
    for i in range(len(of)):
        shape = of[i]
        for field in range(shapes[shape - 1, 0] if shape else 0, shapes[shape, 0]):
            at = firsts[field]
            firsts[field] = at + 1
            values[at] = value_at(
                text,
                fields[field, FIELD_AT],
                fields[field, FIELD_WIDTH],
                fields[field, FIELD_MASK],
                fields[field, FIELD_BASE],
                places[i],
            )
            tens = value_at(
                text,
                fields[field, DECIMALS_AT],
                fields[field, DECIMALS_WIDTH],
                fields[field, DECIMALS_MASK],
                fields[field, DECIMALS_BASE],
                places[i],
            )
            if fields[field, FIELD_KIND] == TEXT:
                value = values[at] + fields[field, FIRST_TEXT]
                values[at] = value if fields[field, FIRST_TEXT] <= value < fields[field, LAST_TEXT] else -1
            decimals[at] = tens if 0 <= tens <= MOST_DECIMALS else MOST_DECIMALS + 1
