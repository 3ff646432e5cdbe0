"""Tags as columns: one look-up a series and a number for each distinct value, shared by all who use one SeriesTable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.groups.series import SeriesArray, SeriesTable
from services.columns.shared import Shared
from services.expressions.typed.types import Array

Codes = NDArray[np.int32]

_FEW = 1024


class TagColumn(Shared):
    """One tag over all series.

    texts: object array of str, the distinct values by number; it only ever grows, by `grow`.
    """

    __slots__ = ("__weakref__", "_codes", "_number", "texts")

    def __init__(self, name: str, table: SeriesTable) -> None:
        self.texts: Array = np.empty(0, dtype=np.object_)
        self._number: dict[str, int] = {}
        self._codes = table.per_series(np.int32, lambda series: self._code(dict(series.tags).get(name)))

    def grow(self) -> Codes:
        """Take up the series that are new in the table. The number of its value by a series' number, int32[>= all]: -1
        where that lacks the tag."""
        codes = self._codes.values()
        if len(self._number) > len(self.texts):
            self.texts = np.empty(len(self._number), dtype=np.object_)
            self.texts[:] = list(self._number)
        return codes

    def over(self, series: SeriesArray) -> Codes:
        """The codes of rows of these series: int32[n]."""
        codes: Codes = self._codes.values()[series]
        return codes

    def compacted(self, name: str, table: SeriesTable) -> TagColumn:
        """The same without values that no series has any more; itself where they are few."""
        codes = self.grow()[: len(table)]
        left = np.unique(codes[table.taken()])
        left = left[left >= 0]
        if 2 * len(left) > len(self.texts) - _FEW:
            return self
        numbers = np.full(len(self.texts) + 1, -1, dtype=np.int32)  # and of none
        numbers[left] = np.arange(len(left))
        column = TagColumn(name, table)
        column.texts = self.texts[left]
        column._number = {text: number for number, text in enumerate(column.texts.tolist())}
        column._codes.take_up(numbers[codes])
        return column

    def _code(self, text: str | None) -> int:
        return -1 if text is None else self._number.setdefault(text, len(self._number))


class Coded:
    """A tag's values over n rows as numbers of distinct values, so that work need be done only once a value.

    codes: int32[n]; rows that lack the tag are not read.
    """

    __slots__ = ("codes", "tag")

    def __init__(self, tag: TagColumn, codes: Codes) -> None:
        self.tag = tag
        self.codes = codes

    def __getitem__(self, rows: Any) -> Coded:
        return Coded(self.tag, self.codes[rows])

    def array(self) -> Array:
        """The values themselves: object[n] of str."""
        return self.tag.texts[self.codes]

    def tolist(self) -> list[str]:
        """The values as a list."""
        texts: list[str] = self.array().tolist()
        return texts


class TagColumns:
    """All tag columns of one table that anyone has asked for."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._columns: dict[str, TagColumn] = {}
        table.memos.add(self)

    def column(self, name: str) -> TagColumn:
        """The column of one tag, up to date with the table."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = TagColumn(name, self._table)
        column.grow()
        return column

    def forget_numbers(self) -> None:
        self._columns = {name: column.compacted(name, self._table) for name, column in self._columns.items()}


def tags_of(table: SeriesTable) -> TagColumns:
    """The tag columns of a table, the same for all who ask."""
    found: TagColumns | None = table.beside.get(TagColumns)
    if found is None:
        found = table.beside[TagColumns] = TagColumns(table)
    return found
