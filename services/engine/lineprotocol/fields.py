"""Columns of the fields of scanned lines, each decoded when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.engine.column import DTYPES, BoolArray, Column, IntArray, Kind, Rows, Value, column_of
from services.engine.lineprotocol import careful
from services.engine.lineprotocol.digits import Text
from services.engine.lineprotocol.scan import Scan
from services.engine.lineprotocol.values import BOOL, FLOAT, INT, NONE, STRING, CodeArray, Values, read

_SPECIAL = re.compile(r'[," =]')
_REPLACED = "\ufffd"
_KINDS = {FLOAT: Kind.FLOAT, INT: Kind.INT, STRING: Kind.STRING, BOOL: Kind.BOOL}
_CODES = {float: FLOAT, int: INT, str: STRING, bool: BOOL}
# So few rows are read one by one; their fields are kept for the next question.
_FEW = 24
_ROWS_KEPT = 4096
# A column asked for this part of the rows, or more, is decoded for all of them.
_MOST = 0.5
# After so many names the rest is told apart one by one.
_NAMES_AT_ONCE = 64


class Fields:
    """The fields of lines of a scan: row i is line `lines[i]`, or was read carefully and stands in `odd`."""

    def __init__(self, scan: Scan, lines: IntArray, odd: dict[int, dict[str, Value]]) -> None:
        self.unreadable: set[tuple[int, str]] = set()
        self._scan = scan
        self._lines = lines
        self._odd = odd
        self._lacks = np.array(list(odd), dtype=np.int64)
        self._spans: _Spans | None = None
        self._whole: dict[str, _Decoded | None] = {}
        self._rows: dict[int, dict[bytes, bytes]] = {}
        self._names: list[str] | None = None

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """See Lines.column."""
        if rows is None or name in self._whole or len(rows) >= max(_MOST * len(self._lines), _FEW + 1):
            whole = self._decoded(name)
            return None if whole is None else whole.column(rows)
        if len(rows) <= _FEW:
            column = column_of([self._value(row, name) for row in rows.tolist()])
            return None if column.valid is not None and not column.valid.any() else column
        decoded = self._decode(name, self._spans_of(rows), rows)
        return None if decoded is None else decoded.column(None)

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        if rows is None:
            if self._names is None:
                self._names = self._names_in(self._all_spans(), list(self._odd))
            return self._names
        if len(rows) > _FEW:
            return self._names_in(self._spans_of(rows), rows.tolist() if self._odd else [])
        found: set[str] = set()
        for row in rows.tolist():
            if row in self._odd:
                found.update(self._odd[row])
            else:
                found.update(careful.unescape_name(raw) for raw in self._row(row))
        return sorted(found)

    def _names_in(self, spans: _Spans, rows: list[int]) -> list[str]:
        found = {name for row in rows for name in self._odd.get(row, ())}
        found.update(careful.unescape_name(raw) for raw in spans.names())
        return sorted(found)

    def _decoded(self, name: str) -> _Decoded | None:
        if name not in self._whole:
            self._whole[name] = self._decode(name, self._all_spans(), None)
        return self._whole[name]

    def _decode(self, name: str, spans: _Spans, rows: Rows | None) -> _Decoded | None:
        """One field over the spans' rows: all, or `rows`."""
        some = spans.find(name)
        n = len(self._lines) if rows is None else len(rows)
        strange = self._odd.items() if rows is None else self._odd_among(rows)
        odd = {i: fields[name] for i, fields in strange if name in fields}
        if not len(some) and not odd:
            return None
        values = read(self._scan.text, spans.equals[some] + 1, spans.ends[some])
        at = spans.rows[some]
        if not values.codes.all():
            bad = at[values.codes == NONE]
            self.unreadable.update((row, name) for row in (bad if rows is None else rows[bad]).tolist())
        return _Decoded(n, at, values, odd)

    def _odd_among(self, rows: Rows) -> Iterable[tuple[int, dict[str, Value]]]:
        if not self._odd:
            return ()
        return [(i, self._odd[row]) for i, row in enumerate(rows.tolist()) if row in self._odd]

    def _all_spans(self) -> _Spans:
        if self._spans is None:
            lines = None if len(self._lines) == len(self._scan.counts) else self._lines
            self._spans = _Spans(self._scan, lines, self._lacks)
        return self._spans

    def _spans_of(self, rows: Rows) -> _Spans:
        lacks = np.flatnonzero(np.isin(rows, self._lacks)) if self._odd else self._lacks
        return _Spans(self._scan, self._lines[rows], lacks)

    def _value(self, row: int, name: str) -> Value | None:
        if row in self._odd:
            return self._odd[row].get(name)
        fields = self._row(row)
        text = fields.get(_escaped(name))
        if text is None and _REPLACED in name:
            text = next((t for raw, t in reversed(fields.items()) if careful.unescape_name(raw) == name), None)
        if text is None:
            return None
        value = careful.value(text)
        if isinstance(value, float | int | str):
            return value
        self.unreadable.add((row, name))
        return None

    def _row(self, row: int) -> dict[bytes, bytes]:
        """The fields of a row as written."""
        found = self._rows.get(row)
        if found is None:
            if len(self._rows) >= _ROWS_KEPT:
                self._rows.clear()
            line = int(self._lines[row])
            scan = self._scan
            text = scan.text.raw[scan.key_end[line] + 1 : scan.fields_end[line]]
            if b'"' in text or b"\\" in text:
                found = dict(careful.pairs(text))
            else:
                words = text.replace(b",", b"=").split(b"=")
                found = dict(zip(words[::2], words[1::2], strict=True))
            self._rows[row] = found
        return found


def _escaped(name: str) -> bytes:
    return _SPECIAL.sub(r"\\\g<0>", name).encode(errors="surrogatepass")


class _Spans:
    """Where the fields of some rows stand, row by row.

    rows: int64[fields], which of the rows. begins (of the name), equals, ends: int64[fields], bytes.
    """

    __slots__ = ("_lengths", "_text", "begins", "ends", "equals", "rows")

    def __init__(self, scan: Scan, lines: IntArray | None, lacks: IntArray) -> None:
        """`lines`: of the rows, None for all of the scan. `lacks`: rows without any."""
        counts = scan.counts if lines is None else scan.counts[lines]
        before, equals, ends = scan.fields(lines)
        rows = np.repeat(np.arange(len(counts)), counts)
        if len(lacks) and counts[lacks].any():
            keep = ~np.isin(rows, lacks)
            before, equals, ends, rows = before[keep], equals[keep], ends[keep], rows[keep]
        self._text: Text = scan.text
        self.begins = before + 1
        self.equals = equals
        self.ends = ends
        self.rows: IntArray = rows
        self._lengths = equals - self.begins

    def find(self, name: str) -> IntArray:
        """Which fields have that name."""
        if _REPLACED not in name:
            return self._find(_escaped(name))
        found = [self._find(raw) for raw in self.names() if careful.unescape_name(raw) == name]
        return np.sort(np.concatenate(found)) if found else np.arange(0)

    def names(self) -> set[bytes]:
        """The different names, as written."""
        raw = self._text.raw
        found: set[bytes] = set()
        left = np.arange(len(self.rows))
        while len(left) and len(found) < _NAMES_AT_ONCE:
            name = raw[self.begins[left[0]] : self.equals[left[0]]]
            found.add(name)
            other = self._lengths[left] != len(name)
            same = np.flatnonzero(~other)
            other[same] = ~self._text.equal(self.begins[left[same]], len(name), name)
            left = left[other]
        spans = zip(self.begins[left].tolist(), self.equals[left].tolist(), strict=True)
        found.update(raw[a:b] for a, b in spans)
        return found

    def _find(self, name: bytes) -> IntArray:
        some = np.flatnonzero(self._lengths == len(name))
        return some[self._text.equal(self.begins[some], len(name), name)]


class _Decoded:
    """One field over n rows, whatever its types."""

    __slots__ = ("_arrays", "_codes", "_single")

    def __init__(self, n: int, at: IntArray, values: Values, odd: dict[int, Value]) -> None:
        """`at`: the row of each of the values, the last counts; `odd`: values of other rows."""
        arrays = {FLOAT: values.floats, INT: values.ints, BOOL: values.bools, STRING: values.strings}
        self._arrays: dict[int, NDArray[Any]] = {}
        if len(at) == n and not odd and (at == np.arange(n)).all():
            self._codes: CodeArray = values.codes
            self._arrays = {code: array for code, array in arrays.items() if array is not None}
        else:
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
