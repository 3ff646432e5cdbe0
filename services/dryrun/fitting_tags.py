"""Which series and groups of a table have fitting tags: looked at once, and of the table only what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray
from services.columns.groups.series import SeriesTable, Tags


class FittingTags:
    """Series and groups by their numbers."""

    def __init__(self, table: SeriesTable, fits: Callable[[Tags], bool]) -> None:
        """fits: whether tags do; always the same."""
        self._table, self._fits = table, fits
        self._series: BoolArray = np.empty(0, dtype=np.bool_)
        self._groups: BoolArray = np.empty(0, dtype=np.bool_)

    def of_series(self, numbers: NDArray[np.int32]) -> BoolArray:
        """Of some series, by their numbers, whether they fit: bool[n]."""
        if (known := len(self._series)) < len(self._table):
            self._series = self._more(
                self._series, (self._table.series(n).tags for n in range(known, len(self._table)))
            )
        return self._series[numbers]

    def of_groups(self, numbers: NDArray[np.int32]) -> BoolArray:
        """The same of groups."""
        if (known := len(self._groups)) < (count := self._table.group_count):
            self._groups = self._more(self._groups, (self._table.group(n).tags for n in range(known, count)))
        return self._groups[numbers]

    def _more(self, known: BoolArray, new: Iterable[Tags]) -> BoolArray:
        return np.concatenate([known, np.array([self._fits(tags) for tags in new], dtype=np.bool_)])
