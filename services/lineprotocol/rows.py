"""Fields of single points, for where only a few are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from services.columns.column import Column, Rows, Value, column_of
from services.lineprotocol import reference_parser
from services.lineprotocol.text import REPLACED

_SPECIAL = re.compile(r'[," =]')
_KEPT = 4096


class RowFields:
    """The fields of n points, each split where it is first asked for and kept as text until its value is.

    unreadable: row and name of each value found not to be readable.
    """

    def __init__(self, n: int, text_of: Callable[[int], bytes], odd: Mapping[int, Mapping[str, Value]]) -> None:
        """`text_of`: the fields of a row as written. `odd`: rows that were read already."""
        self.unreadable: set[tuple[int, str]] = set()
        self._n = n
        self._text_of = text_of
        self._odd = odd
        self._rows: dict[int, dict[bytes, bytes]] = {}

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """See Lines.column."""
        values = [self._value(row, name) for row in self._each(rows)]
        return column_of(values) if any(v is not None for v in values) else None

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        found: set[str] = set()
        for row in self._each(rows):
            if row in self._odd:
                found.update(self._odd[row])
            else:
                found.update(reference_parser.unescape_name(raw) for raw in self._row(row))
        return sorted(found)

    def pick(self, rows: Rows) -> RowFields:
        """See Lines.pick."""
        chosen = rows.tolist()
        odd = {i: self._odd[row] for i, row in enumerate(chosen) if row in self._odd}
        return RowFields(len(chosen), [self._text_of(row) for row in chosen].__getitem__, odd)

    def _each(self, rows: Rows | None) -> list[int]:
        return list(range(self._n)) if rows is None else rows.tolist()

    def _value(self, row: int, name: str) -> Value | None:
        if row in self._odd:
            return self._odd[row].get(name)
        fields = self._row(row)
        text = fields.get(escaped(name))
        if text is None and REPLACED in name:
            text = next((t for raw, t in reversed(fields.items()) if reference_parser.unescape_name(raw) == name), None)
        if text is None:
            return None
        value = reference_parser.value(text)
        if isinstance(value, float | int | str):
            return value
        self.unreadable.add((row, name))
        return None

    def _row(self, row: int) -> dict[bytes, bytes]:
        """Names and values of a row as written."""
        found = self._rows.get(row)
        if found is None:
            if len(self._rows) >= _KEPT:
                self._rows.clear()
            text = self._text_of(row)
            if b'"' in text or b"\\" in text:
                found = dict(reference_parser.pairs(text))
            else:
                words = text.replace(b",", b"=").split(b"=")
                found = dict(zip(words[::2], words[1::2], strict=True))
            self._rows[row] = found
        return found


def escaped(name: str) -> bytes:
    """The one way in which a name stands in a regular line."""
    return _SPECIAL.sub(r"\\\g<0>", name).encode(errors="surrogatepass")
