"""The measurements of groups: what points that a node makes for a group are called."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.engine.column import Rows
from services.engine.retag import named
from services.engine.segments import grown
from services.engine.series import SeriesArray, SeriesTable


class FirstNames:
    """By local group the measurement of the first point that came of it; none where only barriers have told of it."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._series: SeriesArray = np.empty(0, dtype=np.int32)  # of the measurement, -1: none yet
        self._named = 0  # how many groups have one

    def came(self, local: Rows, series: SeriesArray, groups: int) -> None:
        """Points have come: their local groups and their series, and how many local groups there are by now."""
        if self._named == groups:
            return
        self._series = grown(self._series, groups, -1)
        fresh = np.flatnonzero(self._series[local] < 0)
        if not len(fresh):
            return
        found, first = np.unique(local[fresh], return_index=True)
        self._series[found] = series[fresh[first]]
        self._named += len(found)

    def series(self, local: Rows) -> SeriesArray:
        """A series of the measurement of each of these groups, all of which have one: int32[n]."""
        return self._series[local]

    def names(self, local: Rows) -> list[str]:
        """The measurements of these groups, all of which have one."""
        numbers, which = np.unique(self._series[local], return_inverse=True)
        names = [self._table.series(n).name for n in numbers.tolist()]
        return [names[i] for i in which.tolist()]

    def keep(self, left: Rows, groups: int) -> None:
        """Forget all groups but these (ascending local numbers) of so many, renumbered 0… in that order."""
        self._series = grown(self._series, groups, -1)[left]
        self._named = int(np.count_nonzero(self._series >= 0))

    def state(self, groups: int) -> list[str | None]:
        """The measurement of each group."""
        numbers = grown(self._series, groups, -1)[:groups].tolist()
        return [None if n < 0 else self._table.series(n).name for n in numbers]

    def restore(self, state: Sequence[str | None]) -> None:
        """Take up what `state` gave."""
        numbers = [-1 if name is None else named(name, self._table) for name in state]
        self._series = np.array(numbers, dtype=np.int32)
        self._named = int(np.count_nonzero(self._series >= 0))
