"""Columns of fields that are read when they are asked for, and kept if it was for most of the rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import DTYPES, BoolArray, Column, Kind, Rows, Value
from services.lineprotocol.reading import BOOL, FLOAT, INT, LATER, NONE, STRING, Bytes, Longs

_KINDS = {FLOAT: Kind.FLOAT, INT: Kind.INT, STRING: Kind.STRING, BOOL: Kind.BOOL}
CODE_OF: Final = {float: FLOAT, int: INT, str: STRING, bool: BOOL}
# Columns asked for this part of the rows, or more, are read for all of them.
_MOST = 0.5


class ColumnsOnDemand(ABC):
    """The fields of n lines.

    unreadable: row and name of each value found not to be readable.
    """

    def __init__(self, n: int) -> None:
        self.unreadable: set[tuple[int, str]] = set()
        self._n = n
        self._whole: dict[str, Decoded | None] = {}

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        """See Lines.columns."""
        if rows is None or len(rows) >= _MOST * self._n:
            missing = [name for name in names if name not in self._whole]
            if missing:
                self._whole.update(zip(missing, self._read(missing, None), strict=True))
            return [None if (found := self._whole[name]) is None else found.column(rows) for name in names]
        if not len(rows):
            return [None] * len(names)
        return [None if found is None else found.column(None) for found in self._read(names, rows)]

    @abstractmethod
    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""

    @abstractmethod
    def pick(self, rows: Rows) -> ColumnsOnDemand:
        """See Lines.pick."""

    @abstractmethod
    def _read(self, names: Sequence[str], rows: Rows | None) -> list[Decoded | None]:
        """Some fields over all rows, or some; None for one that none of them has."""


class Decoded:
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
            code = CODE_OF[type(value)]
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
