"""Tags as columns: one look-up a series and a number for each distinct value, shared by all who use one SeriesTable."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from services.columns.groups.series import SeriesArray, SeriesTable
from services.columns.shared import Shared
from services.expressions.typed.types import Array

Codes = NDArray[np.int32]


class TagColumn(Shared):
    """One tag over all series.

    codes: int32 by series number, the number of its value; -1 where the series lacks the tag.
    texts: object array of str, the distinct values by number. Both only ever grow.
    """

    __slots__ = ("__weakref__", "_number", "codes", "name", "texts")

    def __init__(self, name: str) -> None:
        self.name = name
        self.codes: Codes = np.empty(0, dtype=np.int32)
        self.texts: Array = np.empty(0, dtype=np.object_)
        self._number: dict[str, int] = {}

    def grow(self, table: SeriesTable) -> None:
        """Take up the series that are new in the table."""
        codes = []
        for n in range(len(self.codes), len(table)):
            text = dict(table.series(n).tags).get(self.name)
            codes.append(-1 if text is None else self._number.setdefault(text, len(self._number)))
        self.codes = np.concatenate([self.codes, np.array(codes, dtype=np.int32)])
        if len(self._number) > len(self.texts):
            self.texts = np.empty(len(self._number), dtype=np.object_)
            self.texts[:] = list(self._number)

    def over(self, series: SeriesArray) -> Codes:
        """The codes of rows of these series."""
        return self.codes[series]


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

    def __init__(self) -> None:
        self._columns: dict[str, TagColumn] = {}

    def column(self, name: str, table: SeriesTable) -> TagColumn:
        """The column of one tag, up to date with the table."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = TagColumn(name)
        if len(column.codes) < len(table):
            column.grow(table)
        return column


_TAGS: WeakKeyDictionary[SeriesTable, TagColumns] = WeakKeyDictionary()


def tags_of(table: SeriesTable) -> TagColumns:
    """The tag columns of a table, the same for all who ask."""
    found = _TAGS.get(table)
    if found is None:
        found = _TAGS[table] = TagColumns()
    return found
