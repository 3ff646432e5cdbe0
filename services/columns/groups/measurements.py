"""The measurements of groups: what points that a node makes for a group are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.columns.column import Rows
from services.columns.groups.in_use import NO_NUMBERS
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.portable_names import Numbers, distinct
from services.columns.groups.retag import grouped_series, named
from services.columns.groups.series import GroupArray, SeriesArray, SeriesTable
from services.columns.segments import grown


class FirstNames(KeyedPart):
    """By local group the measurement of the first point that came of it; none where only barriers have told of it."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._series: SeriesArray = np.empty(0, dtype=np.int32)  # of the measurement, -1: none yet
        self._made: SeriesArray = self._series  # with the group's tags, -1: not asked for yet
        self._groups = 0
        self._named = 0  # how many groups have one
        table.holds(self)
        table.memos.add(self)

    def held(self) -> tuple[SeriesArray, GroupArray]:
        return self._series, NO_NUMBERS

    def forget_numbers(self) -> None:
        self._made = np.full_like(self._made, -1)

    def reach(self, groups: int) -> None:
        self._series, self._made = grown(self._series, groups, -1), grown(self._made, groups, -1)
        self._groups = groups

    def observe(self, local: Rows, series: SeriesArray) -> None:
        """Points have come: their local groups and their series."""
        if self._named == self._groups:
            return
        fresh = np.flatnonzero(self._series[local] < 0)
        if not len(fresh):
            return
        found, first = np.unique(local[fresh], return_index=True)
        self._series[found] = series[fresh[first]]
        self._named += len(found)

    def series(self, local: Rows) -> SeriesArray:
        """A series of the measurement of each of these groups, all of which have one: int32[n]."""
        return self._series[local]

    def grouped(self, local: Rows, group: GroupArray) -> SeriesArray:
        """The series of points that are made for these groups, all of which have a measurement: int32[n].

        group: the same groups by their numbers in the table.
        """
        made: SeriesArray = self._made[local]
        fresh = np.flatnonzero(made < 0)
        if len(fresh):
            made[fresh] = grouped_series(self._series[local[fresh]], group[fresh], self._table)
            self._made[local[fresh]] = made[fresh]
        return made

    def names(self, local: Rows) -> list[str]:
        """The measurements of these groups, all of which have one."""
        numbers, which = np.unique(self._series[local], return_inverse=True)
        names = [self._table.series(n).name for n in numbers.tolist()]
        return [names[i] for i in which.tolist()]

    def keep(self, left: Rows) -> None:
        made = self._made[left]
        self._set(self._series[left])
        self._made = made

    def state(self) -> list[Any]:
        """The measurements, and which of them each group has."""
        return _plain(self._series[: self._groups], self._table)

    def restore(self, state: Sequence[Any]) -> None:
        self._set(_series(state, self._table))

    @classmethod
    def take(cls, state: Sequence[Any], left: Rows, table: SeriesTable) -> list[Any]:
        return _plain(_series(state, table)[left], table)

    @classmethod
    def join(cls, states: Sequence[Any], sizes: Sequence[int], table: SeriesTable) -> list[Any]:
        return _plain(np.concatenate([_series(state, table) for state in states]), table)

    def _set(self, series: SeriesArray) -> None:
        self._series, self._made, self._groups = series, np.full_like(series, -1), len(series)
        self._named = int(np.count_nonzero(series >= 0))


def _plain(series: Numbers, table: SeriesTable) -> list[Any]:
    numbers, of = distinct(series + 1)
    return [[None if n == 0 else table.series(n - 1).name for n in numbers.tolist()], of]


def _series(state: Sequence[Any], table: SeriesTable) -> SeriesArray:
    names, of = state
    series: SeriesArray = np.array([-1 if name is None else named(name, table) for name in names], dtype=np.int32)[of]
    return series
