"""Which series and groups of a table have fitting tags: each is looked at once, when it first comes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray
from services.columns.groups.series import SeriesTable, Tags

_NEW, _NO, _YES = -1, 0, 1


class FittingTags:
    """Series and groups by their numbers. Those that never come cost nothing, however many the table has."""

    def __init__(self, table: SeriesTable, fits: Callable[[Tags], bool]) -> None:
        """fits: whether tags do; always the same."""
        self._table, self._fits = table, fits
        self._series = np.empty(0, dtype=np.int8)
        self._groups = np.empty(0, dtype=np.int8)
        table.memos.add(self)

    def forget_numbers(self) -> None:
        self._series, self._groups = np.empty(0, dtype=np.int8), np.empty(0, dtype=np.int8)

    def of_series(self, numbers: NDArray[np.int32]) -> BoolArray:
        """Of some series, by their numbers, whether they fit: bool[n]."""
        self._series = _reaching(self._series, numbers)
        return self._looked_up(self._series, numbers, lambda number: self._table.series(number).tags)

    def of_groups(self, numbers: NDArray[np.int32]) -> BoolArray:
        """The same of groups."""
        self._groups = _reaching(self._groups, numbers)
        return self._looked_up(self._groups, numbers, lambda number: self._table.group(number).tags)

    def _looked_up(
        self, known: NDArray[np.int8], numbers: NDArray[np.int32], tags_of: Callable[[int], Tags]
    ) -> BoolArray:
        new = numbers[known[numbers] == _NEW]
        for number in np.unique(new).tolist():
            known[number] = _YES if self._fits(tags_of(number)) else _NO
        fitting: BoolArray = known[numbers] == _YES
        return fitting


def _reaching(known: NDArray[np.int8], numbers: NDArray[np.int32]) -> NDArray[np.int8]:
    """With a place for each of these numbers."""
    more = int(numbers.max(initial=-1)) + 1 - len(known)
    return known if more <= 0 else np.pad(known, (0, more + len(known)), constant_values=_NEW)
