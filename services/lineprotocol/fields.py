"""Columns of the fields of lines that the vectorised parser has found, each decoded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import DTYPES, BoolArray, Column, IntArray, Kind, Rows, Value
from services.lineprotocol import reference_parser
from services.lineprotocol.digits import Text
from services.lineprotocol.rows import RowFields, escaped
from services.lineprotocol.text import REPLACED
from services.lineprotocol.values import BOOL, FLOAT, INT, NONE, STRING, CodeArray, TypedValues, read
from services.lineprotocol.vectorised_parser import ParsedBodies

_KINDS = {FLOAT: Kind.FLOAT, INT: Kind.INT, STRING: Kind.STRING, BOOL: Kind.BOOL}
_CODES = {float: FLOAT, int: INT, str: STRING, bool: BOOL}
# So few rows are read one by one.
FEW = 24
# A column asked for this part of the rows, or more, is decoded for all of them.
_MOST = 0.5
# After so many names the rest is told apart one by one.
_NAMES_AT_ONCE = 64


class Fields:
    """The fields of some lines: row i is line `lines[i]` of `parsed`, or in `odd` as the reference parser read it."""

    def __init__(self, parsed: ParsedBodies, lines: IntArray, odd: dict[int, dict[str, Value]]) -> None:
        self._text = _Texts(parsed, lines)
        self._few = RowFields(len(lines), self._text, odd)
        self.unreadable = self._few.unreadable
        self._parsed = parsed
        self._lines = lines
        self._odd = odd
        self._lacks = np.array(list(odd), dtype=np.int64)
        self._spans: _Spans | None = None
        self._whole: dict[str, _Decoded | None] = {}
        self._names: list[str] | None = None

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """See Lines.column."""
        if rows is None or name in self._whole or len(rows) >= max(_MOST * len(self._lines), FEW + 1):
            whole = self._decoded(name)
            return None if whole is None else whole.column(rows)
        if len(rows) <= FEW:
            return self._few.column(name, rows)
        decoded = self._decode(name, self._spans_of(rows), rows)
        return None if decoded is None else decoded.column(None)

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        if rows is None:
            if self._names is None:
                self._names = self._names_in(self._all_spans(), list(self._odd))
            return self._names
        if len(rows) > FEW:
            return self._names_in(self._spans_of(rows), rows.tolist() if self._odd else [])
        return self._few.names(rows)

    def pick(self, rows: Rows) -> RowFields:
        """See Lines.pick."""
        chosen = rows.tolist()
        odd = {i: self._odd[row] for i, row in enumerate(chosen) if row in self._odd} if self._odd else {}
        return RowFields(len(chosen), [self._text(row) for row in chosen].__getitem__, odd)

    def _names_in(self, spans: _Spans, rows: list[int]) -> list[str]:
        found = {name for row in rows for name in self._odd.get(row, ())}
        found.update(reference_parser.unescape_name(raw) for raw in spans.names())
        return sorted(found)

    def _decoded(self, name: str) -> _Decoded | None:
        if name not in self._whole:
            self._whole[name] = self._decode(name, self._all_spans(), None)
        return self._whole[name]

    def _decode(self, name: str, spans: _Spans, rows: Rows | None) -> _Decoded | None:
        """One field over the spans' rows: all, or `rows`."""
        equals, ends, at = spans.find(name)
        n = len(self._lines) if rows is None else len(rows)
        strange = self._odd.items() if rows is None else self._odd_among(rows)
        odd = {i: fields[name] for i, fields in strange if name in fields}
        if not len(ends) and not odd:
            return None
        values = read(self._parsed.text, equals + 1, ends)
        if not values.codes.all():
            bad = np.flatnonzero(values.codes == NONE)
            bad = bad if at is None else at[bad]
            self.unreadable.update((row, name) for row in (bad if rows is None else rows[bad]).tolist())
        return _Decoded(n, at, values, odd)

    def _odd_among(self, rows: Rows) -> Iterable[tuple[int, dict[str, Value]]]:
        if not self._odd:
            return ()
        return [(i, self._odd[row]) for i, row in enumerate(rows.tolist()) if row in self._odd]

    def _all_spans(self) -> _Spans:
        if self._spans is None:
            lines = None if len(self._lines) == len(self._parsed.counts) else self._lines
            self._spans = _Spans(self._parsed, lines, self._lacks)
        return self._spans

    def _spans_of(self, rows: Rows) -> _Spans:
        lacks = np.flatnonzero(np.isin(rows, self._lacks)) if self._odd else self._lacks
        return _Spans(self._parsed, self._lines[rows], lacks)


class _Texts:
    """The fields of a row as written. Not a method of Fields: in a circle with their rows, the text would stay."""

    def __init__(self, parsed: ParsedBodies, lines: IntArray) -> None:
        self._parsed = parsed
        self._lines = lines

    def __call__(self, row: int) -> bytes:
        line = self._lines[row]
        return self._parsed.text.raw[self._parsed.key_end[line] + 1 : self._parsed.fields_end[line]]


class _Spans:
    """Where the fields of some rows stand, row by row.

    begins (of the name), equals, ends (of the value): int64[fields], positions in the text.
    """

    __slots__ = ("_asked", "_counts", "_grid", "_lengths", "_names", "_rows", "_text", "begins", "ends", "equals")

    def __init__(self, parsed: ParsedBodies, lines: IntArray | None, lacks: IntArray) -> None:
        """`lines`: of the rows, None for all that were parsed. `lacks`: rows without any."""
        counts = parsed.counts if lines is None else parsed.counts[lines]
        before, equals, ends = parsed.fields(slice(None) if lines is None else lines)
        self._rows: IntArray | None = None
        if len(lacks) and counts[lacks].any():
            rows = np.repeat(np.arange(len(counts)), counts)
            keep = ~np.isin(rows, lacks)
            before, equals, ends, self._rows = before[keep], equals[keep], ends[keep], rows[keep]
        self._text: Text = parsed.text
        self._counts = counts
        self._grid = lines is None and self._rows is None and parsed.grid
        self.begins = before + 1
        self.equals = equals
        self.ends = ends
        self._lengths = equals - self.begins
        self._asked = 0
        self._names: tuple[list[bytes] | None] | None = None

    def find(self, name: str) -> tuple[IntArray, IntArray, IntArray | None]:
        """Where the values of that name stand: `=` and end of each, and its row, or None where every row has one."""
        if REPLACED in name:
            found = [self._find(raw) for raw in self.names() if reference_parser.unescape_name(raw) == name]
            some = np.sort(np.concatenate(found)) if found else np.arange(0)
            return self.equals[some], self.ends[some], self.rows[some]
        raw = escaped(name)
        if self._grid:
            width = int(self._counts[0])
            places = self._places(raw)
            if not places:
                return self.equals[:0], self.ends[:0], self.rows[:0]
            if len(places) == 1 and places[0][1].all():
                place = places[0][0]
                return self.equals[place::width], self.ends[place::width], None
        some = self._find(raw)
        return self.equals[some], self.ends[some], self.rows[some]

    @property
    def rows(self) -> IntArray:
        """int64[fields], the row of each field."""
        if self._rows is None:
            self._rows = np.repeat(np.arange(len(self._counts)), self._counts)
        return self._rows

    def names(self) -> set[bytes]:
        """The different names, as written."""
        raw = self._text.raw
        found: set[bytes] = set()
        left = np.arange(len(self.begins))
        same = self._same_names()
        if same is not None:
            return set(same)
        while len(left) and len(found) < _NAMES_AT_ONCE:
            name = raw[self.begins[left[0]] : self.equals[left[0]]]
            found.add(name)
            left = left[~self._same(left, name)]
        spans = zip(self.begins[left].tolist(), self.equals[left].tolist(), strict=True)
        found.update(raw[a:b] for a, b in spans)
        return found

    def _find(self, name: bytes) -> IntArray:
        some = np.flatnonzero(self._lengths == len(name))
        return some[self._text.equal(self.begins[some], name)]

    def _places(self, name: bytes) -> list[tuple[int, BoolArray]]:
        """In which places of a grid's rows the name stands, and which rows have it there."""
        self._asked += 1
        # To compare all names pays from the second question on.
        same = self._same_names() if self._asked > 1 else None
        if same is not None:
            every = np.ones(1, dtype=np.bool_)
            return [(place, every) for place, other in enumerate(same) if other == name]
        width = int(self._counts[0])
        places = np.flatnonzero((self._lengths.reshape(-1, width) == len(name)).any(axis=0)).tolist()
        found = [(place, self._same(np.arange(place, len(self.begins), width), name)) for place in places]
        return [(place, rows) for place, rows in found if rows.any()]

    def _same_names(self) -> list[bytes] | None:
        """The names of a grid's first row, if those of all rows are the same. Mostly they are."""
        if not self._grid:
            return None
        if self._names is None:
            raw, width = self._text.raw, int(self._counts[0])
            spans = zip(self.begins[:width].tolist(), self.equals[:width].tolist(), strict=True)
            names = [raw[a:b] for a, b in spans]
            lengths = self._lengths.reshape(-1, width)
            alike = bool((lengths == lengths[0]).all()) and all(
                self._text.equal(self.begins[place::width], name).all() for place, name in enumerate(names)
            )
            self._names = (names if alike else None,)
        return self._names[0]

    def _same(self, some: IntArray, name: bytes) -> BoolArray:
        """Which of some fields have that name."""
        same: BoolArray = self._lengths[some] == len(name)
        at = np.flatnonzero(same)
        same[at] = self._text.equal(self.begins[some[at]], name)
        return same


class _Decoded:
    """One field over n rows, whatever its types."""

    __slots__ = ("_arrays", "_codes", "_single")

    def __init__(self, n: int, at: IntArray | None, values: TypedValues, odd: dict[int, Value]) -> None:
        """`at`: the row of each of the values, the last counts; None for all. `odd`: values of other rows."""
        arrays = {FLOAT: values.floats, INT: values.ints, BOOL: values.bools, STRING: values.strings}
        self._arrays: dict[int, NDArray[Any]] = {}
        if not odd and (at is None or (len(at) == n and bool((at == np.arange(n)).all()))):
            self._codes: CodeArray = values.codes
            self._arrays = {code: array for code, array in arrays.items() if array is not None}
        else:
            at = np.arange(n) if at is None else at
            self._codes = np.zeros(n, dtype=np.uint8)
            self._codes[at] = values.codes
            for code, array in arrays.items():
                if array is not None:
                    self._room(code)[at] = array
            for row, value in odd.items():
                code = _CODES[type(value)]
                self._codes[row] = code
                self._room(code)[row] = value
        codes = self._codes
        # Most columns are of one type, and every row has it.
        self._single = int(codes[0]) if n and codes[0] != NONE and (codes == codes[0]).all() else None

    def column(self, rows: Rows | None) -> Column | None:
        """The column over some rows (all if None); None where none of them has the field."""
        if self._single is not None:
            array = self._arrays[self._single]
            return Column(_KINDS[self._single], array if rows is None else array[rows])
        codes = self._codes if rows is None else self._codes[rows]
        present = [code for code in _KINDS if (codes == code).any()]
        if not present:
            return None
        valid: BoolArray | None = codes != NONE
        if valid is not None and valid.all():
            valid = None
        if len(present) == 1:
            array = self._arrays[present[0]]
            return Column(_KINDS[present[0]], array if rows is None else array[rows], valid)
        mixed = np.zeros(len(codes), dtype=np.object_)
        for code in present:
            where = codes == code
            array = self._arrays[code] if rows is None else self._arrays[code][rows]
            # As a list, so that the values are Python's and not numpy's.
            mixed[where] = np.fromiter(array[where].tolist(), dtype=np.object_, count=int(where.sum()))
        return Column(Kind.MIXED, mixed, valid)

    def _room(self, code: int) -> NDArray[Any]:
        if code not in self._arrays:
            self._arrays[code] = np.zeros(len(self._codes), dtype=DTYPES[_KINDS[code]])
        return self._arrays[code]
