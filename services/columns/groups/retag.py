"""Other tags for points: the series that they then belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray
from services.columns.groups.series import Group, GroupArray, Series, SeriesArray, SeriesTable
from services.columns.segments import grown


def with_tags(
    series: SeriesArray, values: Mapping[str, Column], table: SeriesTable, rows: BoolArray | None = None
) -> SeriesArray:
    """The series of points whose tags are set to these string columns; only `rows` (bool[n]; None: all) change.

    Each distinct (series, values) is looked up once.
    """
    out = series.copy()
    chosen = np.arange(len(series)) if rows is None else np.flatnonzero(rows)
    columns = [c.values[chosen].tolist() for c in values.values()]
    known: dict[tuple[object, ...], int] = {}
    for row, key in zip(chosen.tolist(), zip(series[chosen].tolist(), *columns, strict=True), strict=True):
        number = known.get(key)
        if number is None:
            old = table.series(key[0])
            tags = {**dict(old.tags), **dict(zip(values, map(str, key[1:]), strict=True))}
            number = known[key] = table.number(
                Series(old.database, old.retention_policy, old.name, tuple(sorted(tags.items())))
            )
        out[row] = number
    return out


def with_each(series: SeriesArray, change: Callable[[Series], Series], table: SeriesTable) -> SeriesArray:
    """The series of points of which each distinct one is changed."""
    found, where = np.unique(series, return_inverse=True)
    numbers = [table.number(change(table.series(n))) for n in found.tolist()]
    return np.array(numbers, dtype=np.int32)[where] if numbers else series


def renamed(series: SeriesArray, name: str, table: SeriesTable) -> SeriesArray:
    """The series of points that get another measurement."""
    found, where = np.unique(series, return_inverse=True)
    olds = [table.series(n) for n in found.tolist()]
    numbers = [table.number(Series(s.database, s.retention_policy, name, s.tags)) for s in olds]
    return np.array(numbers, dtype=np.int32)[where] if numbers else series


def renamed_groups(group: GroupArray, name: str, table: SeriesTable) -> GroupArray:
    """The groups of points that get another measurement: other ones only where they are grouped by it."""
    found, where = np.unique(group, return_inverse=True)
    olds = [table.group(n) for n in found.tolist()]
    numbers = [
        table.group_number(Group(g.tags, name, True)) if g.by_name else n for n, g in zip(found, olds, strict=True)
    ]
    return np.array(numbers, dtype=np.int32)[where] if numbers else group


def grouped_series(series: SeriesArray, group: GroupArray, table: SeriesTable, name: str = "") -> SeriesArray:
    """The series of points that nodes make for a group: its tags and no others, the measurement that of `series`.

    `name`: the measurement of all, where it is not "". Such points belong to no database.
    """
    found, where = np.unique(series.astype(np.int64) << 32 | group, return_inverse=True)
    numbers = []
    for key in found.tolist():
        measurement = name or table.series(key >> 32).name
        numbers.append(table.number(Series("", "", measurement, table.group(key & 0xFFFFFFFF).tags)))
    return np.array(numbers, dtype=np.int32)[where] if numbers else series


class GroupedSeries:
    """As `grouped_series`, for the groups of one node, by local number: what was found for each last is kept."""

    def __init__(self, table: SeriesTable, name: str = "") -> None:
        self._table, self._name = table, name
        self._source: NDArray[np.int32] = np.empty(0, dtype=np.int32)  # what the measurement was taken from
        self._made: SeriesArray = np.empty(0, dtype=np.int32)
        table.memos.add(self)

    def of(self, series: SeriesArray, group: GroupArray, local: IntArray) -> SeriesArray:
        """The series of points made for these groups (by number in the table, and local): int32[n]."""
        source = self._table.sources(series)
        self._source = grown(self._source, int(local.max(initial=-1)) + 1, -1)
        self._made = grown(self._made, len(self._source))
        made: SeriesArray = self._made[local]
        others = np.flatnonzero(self._source[local] != source)
        if len(others):
            made[others] = grouped_series(series[others], group[others], self._table, self._name)
            self._source[local[others]], self._made[local[others]] = source[others], made[others]
        return made

    def forget(self) -> None:
        """Local numbers mean other groups from here on."""
        self._source.fill(-1)

    def forget_numbers(self) -> None:
        self.forget()


def named(name: str, table: SeriesTable) -> int:
    """A series of this measurement, without tags and of no database."""
    return table.number(Series("", "", name, ()))


def renamed_by_row(series: SeriesArray, names: NDArray[np.object_], table: SeriesTable) -> SeriesArray:
    """The series of points that get measurements of their own: object[n] of str."""
    known: dict[tuple[int, str], int] = {}
    out = np.empty_like(series)
    for row, key in enumerate(zip(series.tolist(), names.tolist(), strict=True)):
        number = known.get(key)
        if number is None:
            s = table.series(key[0])
            number = known[key] = table.number(Series(s.database, s.retention_policy, key[1], s.tags))
        out[row] = number
    return out
