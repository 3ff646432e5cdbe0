"""Which numbers of a table of series and groups are in use: the others are given anew.

Nobody counts who uses a number. Now and then a table looks which are: from then on it notes the numbers that are asked
for, and those that holders have, such as the states that tasks are asked for meanwhile. Before it begins, memos forget
what they know by numbers, so that what is used of them is asked for again. A number that was neither noted nor is held
at the end can come from nowhere any more.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.columns.column import BoolArray
from services.columns.shared import Shared

Numbers = NDArray[np.int32]
T = TypeVar("T")

NO_NUMBERS: Numbers = np.empty(0, dtype=np.int32)


class Holder(Protocol):
    """Keeps numbers between two steps, as something else than what it says in a state."""

    def held(self) -> tuple[ArrayLike, ArrayLike]:
        """Numbers of series and of groups, some perhaps several times."""
        ...


class Memo(Protocol):
    """Keeps what it has found out by numbers, or numbers that it has found out, and can find all of it out again."""

    def forget_numbers(self) -> None:
        """Keep nothing of it."""
        ...


class Keeper(Protocol):
    """Says in its state all numbers that it keeps."""

    def state(self) -> object:
        """What is made of it holds them for a moment: SeriesTable.hold."""
        ...


class Lookup(Protocol):
    """Finds series' numbers by something else than their names."""

    def drop(self, gone: BoolArray) -> None:
        """Find none of these any more, by number."""
        ...


class Held:
    """Numbers that are in use for as long as this is kept. Made by SeriesTable.hold."""

    __slots__ = ("__weakref__", "groups", "series")

    def __init__(self, series: Numbers, groups: Numbers) -> None:
        self.series, self.groups = series, groups

    def held(self) -> tuple[Numbers, Numbers]:
        return self.series, self.groups


class Living(Generic[T], Shared):
    """Things that are known for as long as somebody else keeps them. May be added to in any thread."""

    def __init__(self) -> None:
        self._all: dict[int, weakref.ref[T]] = {}

    def add(self, one: T) -> None:
        """One more."""
        key = id(one)
        known = self._all

        def gone(reference: weakref.ref[T]) -> None:
            if known.get(key) is reference:
                del known[key]

        known[key] = weakref.ref(one, gone)

    def discard(self, one: T) -> None:
        """One that is not of interest any more."""
        self._all.pop(id(one), None)

    def __contains__(self, one: T) -> bool:
        return id(one) in self._all

    def __iter__(self) -> Iterator[T]:
        for reference in list(self._all.values()):
            one = reference()
            if one is not None:
                yield one


class Marks:
    """Of the numbers that there were when it was made, which are in use. Numbers that came later are in use anyway."""

    def __init__(self, series: int, groups: int) -> None:
        self.series: BoolArray = np.zeros(series, dtype=np.bool_)
        self.groups: BoolArray = np.zeros(groups, dtype=np.bool_)
        self.groups[:1] = True  # the one of points that are not grouped

    def hold(self, holder: Holder) -> None:
        """What somebody holds."""
        series, groups = holder.held()
        mark(self.series, series)
        mark(self.groups, groups)


def mark(marks: BoolArray, numbers: ArrayLike) -> None:
    """These are in use; some may be none, -1, or have come later."""
    found: NDArray[np.int64] = np.asarray(numbers, dtype=np.int64)
    if len(found):
        marks[found[(found >= 0) & (found < len(marks))]] = True
