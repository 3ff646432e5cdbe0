"""Where alerts come from: for each measurement, group and set of tags the alert's id, worked out once and numbered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grammar.gotemplate import NilMap
from services.columns.groups.series import GroupArray, SeriesArray, SeriesTable
from services.columns.segments import grown


@dataclass(frozen=True, slots=True)
class AlertSource:
    """What an id is rendered from: measurement, group id ("" where there are no groups) and tags; and the id."""

    name: str
    group: str
    tags: dict[str, str]
    id: str


class AlertSourceTable:
    """Numbers for where alerts come from, so that events carry ints and texts are looked up by array."""

    def __init__(
        self, table: SeriesTable, render: Callable[[str, str, dict[str, str]], str], tagless: bool = False
    ) -> None:
        """render(name, group id, tags): the alert's id. tagless: where there are no tags, that is null (NilMap)."""
        self._table = table
        self._render = render
        self._tagless = tagless
        self._number: dict[tuple[int | str, int], int] = {}
        self._by_series: NDArray[np.int32] = np.full(64, -1, dtype=np.int32)
        self._groups: NDArray[np.int32] = np.full(64, -1, dtype=np.int32)
        self.known: list[AlertSource] = []

    def of_points(self, series: SeriesArray, group: GroupArray) -> NDArray[np.int32]:
        """Where the alerts of points come from: int32[n]. A point's tags are its own, not just those of its group."""
        if not len(series):
            return np.empty(0, dtype=np.int32)
        self._by_series = grown(self._by_series, int(series.max()) + 1, -1)
        numbers = self._by_series[series]
        # a series has one group under one grouping; after a union of streams grouped otherwise it may have several
        for row in ((numbers < 0) | (self._groups[numbers] != group)).nonzero()[0].tolist():
            numbers[row] = self._of_series(int(series[row]), int(group[row]))
        return numbers

    def of_batch(self, name: str, group: int) -> int:
        """Where the alert of a batch comes from; its tags are those of its group."""
        number = self._number.get((name, group))
        if number is None:
            g = self._table.group(group)
            number = self._number[name, group] = self._add(name, group, dict(g.tags))
        return number

    def _of_series(self, series: int, group: int) -> int:
        number = self._number.get((series, group))
        if number is None:
            s = self._table.series(series)
            number = self._number[series, group] = self._add(s.name, group, dict(s.tags))
        self._by_series[series] = number
        return number

    def _add(self, name: str, group: int, tags: dict[str, str]) -> int:
        if self._tagless and not tags:
            tags = NilMap()
        id_ = self._table.group(group).id
        self.known.append(AlertSource(name, id_, tags, self._render(name, id_, tags)))
        number = len(self.known) - 1
        self._groups = grown(self._groups, number + 1, -1)
        self._groups[number] = group
        return number
