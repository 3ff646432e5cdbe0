"""Numbers for series and groups, so that frames carry ints and not names.

Numbers mean nothing outside the process: what is kept (snapshots, events) holds names.
Both tables are shared by all tasks of a worker, which is what lets a hundred tasks share one frame's grouping.

A number may be given anew once nobody uses it (services.columns.groups.in_use has how that is found out). It is safe in
all that lives no longer than a step, and in what a node says in its state. Who keeps numbers otherwise is a Holder or a
Memo, and is added to those of the table.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from services.columns.groups.in_use import NO_NUMBERS, Held, Holder, Keeper, Living, Lookup, Marks, Memo, mark
from services.columns.groups.per_series import PerSeries
from services.columns.shared import Shared
from services.store.state_chunks import StateChunk

SeriesArray = NDArray[np.int32]
GroupArray = NDArray[np.int32]
Tags = tuple[tuple[str, str], ...]
_Source = tuple[str, str, str]  # database, retention policy and measurement


class Series(NamedTuple):
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


class Group(NamedTuple):
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


_FREE = Series("", "", "", ())
_FREE_GROUP = Group(name="free", by_name=True)


class TooManySeries(Exception):
    """A node makes more series or groups at once than there is room for."""


class SeriesTable(Shared):
    """Series to number and back, and the group of a series under given dimensions.

    Not safe for use by several threads, but for names of numbers that are held.
    """

    def __init__(self) -> None:
        self.room: float = math.inf
        """How many more series and groups may be named. Bounded while a node runs, which may make millions of them out
        of a few points; the groups that series fall into do not count, since they are no more than there are series."""
        self._series: list[Series] = []
        self._number: dict[_Source, dict[Tags, int]] = {}
        self._free: list[int] = []
        self._tags: dict[tuple[str, str], tuple[str, str]] = {}
        self._groups: list[Group] = []
        self._group_number: dict[tuple[str, bool], dict[Tags, int]] = {}  # by name and `by_name`, and by tags
        self._free_groups: list[int] = []
        self._per_series = Living[PerSeries[Series]]()
        self._of: dict[Dimensions, PerSeries[Series]] = {}
        self._asked: set[Dimensions] = set()  # those that groups were asked by since the last look began
        self._sources = self.per_series(np.int32, self._source)
        self._source_number: dict[_Source, int] = {}
        self._source_list: list[_Source] = []
        self._marks: Marks | None = None
        self.holders, self.keepers = Living[Holder](), Living[Keeper]()
        self.memos, self.lookups = Living[Memo](), Living[Lookup]()
        self.given = self.given_anew = 0
        """How often a number was given to a series or a group, and one that another series had to a series."""
        self.written: dict[tuple[int, bytes], StateChunk] = {}
        """What has been made of names to be kept (see services.columns.groups.portable_names)."""
        self.beside: dict[Any, Any] = {}
        """What others have made of all of it, by whatever they find it by."""
        self.group_number(NIL)

    def __len__(self) -> int:
        """Numbers of series are below this; some may be free."""
        return len(self._series)

    @property
    def in_use(self) -> int:
        """How many series and groups have a number."""
        return len(self._series) - len(self._free) + len(self._groups) - len(self._free_groups)

    def number(self, series: Series) -> int:
        """The number of a series, a new one at first sight."""
        database, retention_policy, name, tags = series
        numbers = self._number.get((database, retention_policy, name))
        if numbers is None or tags not in numbers:
            tags = self._shared(tags)
        return self.number_of(database, retention_policy, name, tags)

    def number_of(self, database: str, retention_policy: str, name: str, tags: Tags) -> int:
        """The same for whoever has no Series yet; of a new one these are the tags that are kept."""
        numbers = self._number.get((database, retention_policy, name))
        n = None if numbers is None else numbers.get(tags)
        if n is None:
            self._take_room()
            source = sys.intern(database), sys.intern(retention_policy), sys.intern(name)
            n = self._placed(Series(*source, tags))
            if numbers is None:
                numbers = self._number[source] = {}
            numbers[tags] = n
        if self._marks is not None and n < len(self._marks.series):
            self._marks.series[n] = True
        return n

    def series(self, number: int) -> Series:
        """The series of a number."""
        return self._series[number]

    def taken(self) -> NDArray[np.bool_]:
        """Which numbers some series has: bool[len(self)]."""
        taken = np.ones(len(self._series), dtype=np.bool_)
        taken[self._free] = False
        return taken

    def listed(self, begin: int, end: int) -> list[Series | None]:
        """The series of the numbers begin … end-1; None for a number that none has."""
        return [None if one is _FREE else one for one in self._series[begin:end]]

    def group_number(self, group: Group) -> int:
        """The number of a group, a new one at first sight."""
        numbers = self._group_number.get((group.name, group.by_name))
        if numbers is None or group.tags not in numbers:
            self._take_room()
        return self._number_of_group(group.tags, group.name, group.by_name)

    def group(self, number: int) -> Group:
        """The group of a number."""
        return self._groups[number]

    @property
    def group_count(self) -> int:
        """Numbers of groups are below this; some may be free."""
        return len(self._groups)

    def groups_of(self, dimensions: Dimensions) -> GroupArray:
        """The group number of every series under `dimensions`: int32[>= len(self)], to index by series."""
        known = self._of.get(dimensions)
        self._asked.add(dimensions)
        if known is None:
            known = self._of[dimensions] = self.per_series(np.int32, self._grouped_by(dimensions))
        return known.values()

    def per_series(self, dtype: DTypeLike, make: Callable[[Series], Any]) -> PerSeries[Series]:
        """An array of something that is known of each series: it follows where numbers are given anew."""
        found = PerSeries(self, dtype, make)
        self._per_series.add(found)
        return found

    def sources(self, series: SeriesArray) -> NDArray[np.int32]:
        """For points of these series the number of database, retention policy and measurement: int32[n]."""
        found: NDArray[np.int32] = self._sources.values()[series]
        return found

    def source(self, number: int) -> tuple[str, str, str]:
        """Database, retention policy and measurement of a number that `sources` gives."""
        return self._source_list[number]

    def hold(self, series: SeriesArray = NO_NUMBERS, groups: GroupArray = NO_NUMBERS) -> Held:
        """Numbers are in use for as long as what this gives is kept. In any thread."""
        held = Held(series, groups)
        self.holds(held)
        return held

    def holds(self, holder: Holder) -> None:
        """What a holder has is in use for as long as it lives."""
        self.holders.add(holder)
        if self._marks is not None:
            self._marks.hold(holder)

    def seen(self, series: SeriesArray) -> None:
        """Points of these series have come, by numbers that a lookup has given."""
        if self._marks is not None:
            mark(self._marks.series, series)

    @property
    def looking(self) -> bool:
        """Whether it is noted which numbers are used."""
        return self._marks is not None

    def begin_look(self) -> None:
        """Begin to note which numbers are used. Each keeper that there is now has to be asked for its state then."""
        self._tags, self._asked = {}, set()
        self._marks = Marks(len(self._series), len(self._groups))
        for memo in self.memos:
            memo.forget_numbers()

    def unused_series(self) -> NDArray[np.int64]:
        """The numbers of series that have not been used since `begin_look`, nor are held."""
        marks = self._held()
        return np.flatnonzero(self.taken()[: len(marks.series)] & ~marks.series)

    def free_series(self, numbers: NDArray[np.int64]) -> None:
        """Of what `unused_series` gave, have those given anew that have not been used since."""
        assert self._marks is not None
        unused = numbers[~self._marks.series[numbers]]
        if not len(unused):
            return
        gone = np.zeros(len(self._series), dtype=np.bool_)
        gone[unused] = True
        for lookup in self.lookups:
            lookup.drop(gone)
        for n in unused.tolist():
            database, retention_policy, name, tags = self._series[n]
            source = database, retention_policy, name
            del self._number[source][tags]
            if not self._number[source]:
                del self._number[source]
            self._series[n] = _FREE
        self._free += unused.tolist()

    def unused_groups(self) -> NDArray[np.int64]:
        """As `unused_series`, once those are free: of groups that no series falls into any more."""
        marks = self._held()
        there = self.taken()
        self._of = {dimensions: of for dimensions, of in self._of.items() if dimensions in self._asked}
        for of in self._of.values():
            mark(marks.groups, of.values()[: len(there)][there])
        unused = ~marks.groups
        unused[[n for n in self._free_groups if n < len(unused)]] = False
        return np.flatnonzero(unused)

    def free_groups(self, numbers: NDArray[np.int64]) -> None:
        """As `free_series`."""
        assert self._marks is not None
        for n in numbers[~self._marks.groups[numbers]].tolist():
            group = self._groups[n]
            place = group.name, group.by_name
            del self._group_number[place][group.tags]
            if not self._group_number[place]:
                del self._group_number[place]
            self._groups[n] = _FREE_GROUP
            self._free_groups.append(n)

    def _held(self) -> Marks:
        assert self._marks is not None
        for holder in self.holders:
            self._marks.hold(holder)
        # by numbers: what holders do not hold any more may still stand there
        self.written.clear()
        return self._marks

    def end_look(self) -> None:
        """Note no more."""
        self._marks = None

    def _shared(self, tags: Tags) -> Tags:
        """The same, made of those that others have too: most of them repeat, and are half of it all."""
        known = self._tags
        return tuple([known.get(tag) or self._first(tag) for tag in tags])

    def _first(self, tag: tuple[str, str]) -> tuple[str, str]:
        key = sys.intern(tag[0])
        shared = tag if key is tag[0] else (key, tag[1])
        self._tags[shared] = shared
        return shared

    def _placed(self, series: Series) -> int:
        self.given += 1
        if not self._free:
            self._series.append(series)
            return len(self._series) - 1
        n = self._free.pop()
        self._series[n] = series
        self.given_anew += 1
        for array in self._per_series:
            array.renumbered(n)
        return n

    def _grouped_by(self, dimensions: Dimensions) -> Callable[[Series], int]:
        names, by_name = dimensions.tags, dimensions.by_name
        plain = not dimensions.star and names == tuple(sorted(set(names)))

        def number(series: Series) -> int:
            tags = () if not plain else tuple([tag for tag in series.tags if tag[0] in names])
            if not plain or len(tags) < len(names):
                tags = group_of(series, dimensions).tags
            return self._number_of_group(tags, series.name if by_name else "", by_name)

        return number

    def _number_of_group(self, tags: Tags, name: str, by_name: bool) -> int:
        numbers = self._group_number.get((name, by_name))
        if numbers is None:
            numbers = self._group_number[name, by_name] = {}
        n = numbers.get(tags)
        if n is None:
            self.given += 1
            group = Group(tags, name, by_name)
            if self._free_groups:
                n = self._free_groups.pop()
                self._groups[n] = group
            else:
                n = len(self._groups)
                self._groups.append(group)
            numbers[tags] = n
        if self._marks is not None and n < len(self._marks.groups):
            self._marks.groups[n] = True
        return n

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
