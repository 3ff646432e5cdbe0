"""Numbers for series and groups, so that frames carry ints and not names.

Numbers live as long as the process and mean nothing outside it: what is kept (snapshots, events) holds names.
Both tables are shared by all tasks of a worker, which is what lets a hundred tasks share one frame's grouping.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.columns.shared import Shared
from services.store.state_chunks import StateChunk

SeriesArray = NDArray[np.int32]
GroupArray = NDArray[np.int32]
Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Where a point belongs: database, retention policy, measurement, and its tags sorted by key."""

    database: str
    retention_policy: str
    name: str
    tags: Tags


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What points are grouped by: tag names (sorted), and the measurement too where `by_name`.

    `star`: all tags a point has but those in `exclude`. No tags, no star and not `by_name` is the one nil group.
    """

    tags: tuple[str, ...] = ()
    by_name: bool = False
    star: bool = False
    exclude: tuple[str, ...] = ()


NO_DIMENSIONS = Dimensions()


@dataclass(frozen=True, slots=True)
class Group:
    """One group: the group tags with their values (a missing tag is ""), and the measurement where grouped by it.

    How it came about is not part of it: by host, or by * over points that have only host, is one group.
    """

    tags: Tags = ()
    name: str = ""
    by_name: bool = False

    @property
    def id(self) -> str:
        """The reference's group id: `host=a,cpu=b`, name and newline before it where grouped by name; "" for nil."""
        tags = ",".join(f"{k}={v}" for k, v in self.tags)
        if not self.by_name:
            return tags
        return f"{self.name}\n{tags}" if self.tags else self.name


NIL = Group()
"""The one group of points that are not grouped: number 0 in every table."""


class TooManySeries(Exception):
    """A node makes more series or groups at once than there is room for."""


class SeriesTable(Shared):
    """Series to number and back, and the group of a series under given dimensions.

    Not safe for use by several threads.
    """

    def __init__(self) -> None:
        self.room: float = math.inf
        """How many more series and groups may be named. Bounded while a node runs, which may make millions of them out
        of a few points; the groups that series fall into do not count, since they are no more than there are series."""
        self._series: list[Series] = []
        self._number: dict[Series, int] = {}
        self._tags: dict[tuple[str, str], tuple[str, str]] = {}
        self._groups: list[Group] = []
        self._group_number: dict[Group, int] = {}
        self._of: dict[Dimensions, GroupArray] = {}
        self._sources: NDArray[np.int32] = np.empty(0, dtype=np.int32)  # by series; some rows may not be filled yet
        self._with_source = 0  # how many of them are
        self._source_number: dict[tuple[str, str, str], int] = {}
        self._source_list: list[tuple[str, str, str]] = []
        self.written: dict[tuple[int, bytes], StateChunk] = {}
        """What has been made of names to be kept (see services.columns.groups.portable_names)."""
        self.group_number(NIL)

    def __len__(self) -> int:
        return len(self._series)

    def number(self, series: Series) -> int:
        """The number of a series, a new one at first sight."""
        n = self._number.get(series)
        if n is None:
            self._take_room()
            n = len(self._series)
            kept = self._sharing(series)
            self._number[kept] = n
            self._series.append(kept)
        return n

    def series(self, number: int) -> Series:
        """The series of a number."""
        return self._series[number]

    def group_number(self, group: Group) -> int:
        """The number of a group, a new one at first sight."""
        n = self._group_number.get(group)
        if n is None:
            self._take_room()
            n = self._new_group(group)
        return n

    def group(self, number: int) -> Group:
        """The group of a number."""
        return self._groups[number]

    @property
    def group_count(self) -> int:
        """How many groups have a number: they are 0 … group_count-1."""
        return len(self._groups)

    def groups_of(self, dimensions: Dimensions) -> GroupArray:
        """The group number of every series under `dimensions`: int32[>= len(self)], to index by series."""
        known = self._of.get(dimensions)
        have = 0 if known is None else len(known)
        if known is None or have < len(self._series):
            numbers = []
            for series in self._series[have:]:
                group = group_of(series, dimensions)
                number = self._group_number.get(group)
                numbers.append(self._new_group(group) if number is None else number)
            part = np.array(numbers, dtype=np.int32)
            known = part if known is None else np.concatenate([known, part])
            self._of[dimensions] = known
        return known

    def _sharing(self, series: Series) -> Series:
        """The same, made of texts and tags that other series have too: most of them repeat, and are half of it all."""
        tags = []
        for tag in series.tags:
            known = self._tags.get(tag)
            if known is None:
                known = (sys.intern(tag[0]), tag[1])
                self._tags[known] = known
            tags.append(known)
        intern = sys.intern
        return Series(intern(series.database), intern(series.retention_policy), intern(series.name), tuple(tags))

    def sources(self, series: SeriesArray) -> NDArray[np.int32]:
        """For points of these series the number of database, retention policy and measurement: int32[n]."""
        have, n = self._with_source, len(self._series)
        if have < n:
            if n > len(self._sources):
                self._sources = np.concatenate([self._sources, np.empty(max(n, 64), dtype=np.int32)])
            for i in range(have, n):
                self._sources[i] = self._source(self._series[i])
            self._with_source = n
        return self._sources[series]

    def source(self, number: int) -> tuple[str, str, str]:
        """Database, retention policy and measurement of a number that `sources` gives."""
        return self._source_list[number]

    def _source(self, series: Series) -> int:
        key = series.database, series.retention_policy, series.name
        number = self._source_number.setdefault(key, len(self._source_list))
        if number == len(self._source_list):
            self._source_list.append(key)
        return number

    def _take_room(self) -> None:
        if self.room <= 0:
            raise TooManySeries
        self.room -= 1

    def _new_group(self, group: Group) -> int:
        n = self._group_number[group] = len(self._groups)
        self._groups.append(group)
        return n


def group_of(series: Series, dimensions: Dimensions) -> Group:
    """The group that a point of `series` falls into under `dimensions`."""
    if dimensions.star:
        tags = tuple(tag for tag in series.tags if tag[0] not in dimensions.exclude)
    elif dimensions.tags:
        have = {tag[0]: tag for tag in series.tags}
        tags = tuple(have.get(k) or (k, "") for k in dimensions.tags)
    else:
        tags = ()
    return Group(tags, series.name if dimensions.by_name else "", dimensions.by_name)
