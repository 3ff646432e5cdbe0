"""What nodes with several parents see of a step: everything that came, from whichever parent, in order of arrival."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.engine.column import BoolArray, IntArray, Rows
from services.engine.frame import Barriers, Batches, Frame, Message, Points
from services.engine.series import Dimensions, GroupArray

BAR, ENDS = -1, -2
"""As the row of something that came: it is a barrier; it is one that says nothing but that its group is over."""


class DimensionsTable:
    """Numbers for the dimensions that a node has met: rows of parents grouped differently stand side by side."""

    def __init__(self) -> None:
        self._all: list[Dimensions] = []
        self._number: dict[Dimensions, int] = {}

    def number(self, dimensions: Dimensions) -> int:
        """The number of some dimensions, a new one at first sight."""
        n = self._number.get(dimensions)
        if n is None:
            n = self._number[dimensions] = len(self._all)
            self._all.append(dimensions)
        return n

    def __getitem__(self, number: int) -> Dimensions:
        return self._all[number]

    def state(self) -> list[Any]:
        """All of them, in the order of their numbers."""
        return [[list(d.tags), d.by_name, d.star, list(d.exclude)] for d in self._all]

    def restore(self, state: Sequence[Any]) -> None:
        """Take up what `state` gave."""
        self.__init__()  # type: ignore[misc]
        for tags, by_name, star, exclude in state:
            self.number(Dimensions(tuple(tags), by_name, star, tuple(exclude)))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The points (or batches) and barriers of one step, in order of arrival: by cause, then by parent.

    All arrays have shape (n,). parent: which parent it came from. row: where it stands among that parent's points or
    batches of this step; for a barrier BAR, or ENDS where it has no time of its own (NO_TIME). time: int64 ns, a
    batch's tmax. group: int32. dimensions: int32, numbers of a DimensionsTable. cause: int64, never falling. delete:
    whether it is a barrier that ends its group. mute: whether what it says of time is not for the nodes below. parts:
    for each parent its points, or its batches, as they came. barriers: whether there are any.
    """

    parent: IntArray
    row: IntArray
    time: IntArray
    group: GroupArray
    dimensions: IntArray
    cause: IntArray
    delete: BoolArray
    mute: BoolArray
    barriers: bool
    points: list[list[Points]]
    batches: list[list[Batches]]

    def __len__(self) -> int:
        return len(self.time)

    def with_times(self, time: IntArray) -> Arrivals:
        """The same at other times."""
        return replace(self, time=time)

    def take(self, rows: Rows) -> Arrivals:
        """Some of them (ascending); points and batches stay all."""
        names = ("parent", "row", "time", "group", "dimensions", "cause", "delete", "mute")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def arrivals(inputs: Sequence[Sequence[Message]], table: DimensionsTable) -> Arrivals:
    """Everything that the parents of a node emitted in a step."""
    columns: list[tuple[Any, ...]] = []
    points: list[list[Points]] = []
    batches: list[list[Batches]] = []
    barriers = False
    for parent, messages in enumerate(inputs):
        points.append([])
        batches.append([])
        at, last = 0, 0
        for m in messages:
            n = len(m.cause)
            if not n:
                continue
            if isinstance(m, Barriers):
                barriers = True
                time, row = m.time, np.full(n, ENDS if m.timeless else BAR, dtype=np.int64)
            else:
                row = np.arange(at, at + n, dtype=np.int64)
                at += n
                if isinstance(m, Frame):
                    time = m.points.time
                    points[-1].append(m.points)
                else:
                    time = m.tmax
                    batches[-1].append(m)
            cause = np.maximum(m.cause, last) if last else m.cause
            last = int(cause[-1])
            delete = isinstance(m, Barriers) and m.delete
            mute = isinstance(m, Barriers) and (m.timeless or m.for_joins)
            columns.append((parent, row, time, m.group, table.number(m.dimensions), cause, delete, mute))
    lengths = [len(c[1]) for c in columns]
    cause = np.concatenate([c[5] for c in columns]) if columns else np.empty(0, dtype=np.int64)
    order = np.argsort(cause, kind="stable")

    def spread(i: int, dtype: Any) -> Any:
        return np.repeat(np.array([c[i] for c in columns], dtype=dtype), lengths)[order]

    def joined(i: int, dtype: Any) -> Any:
        return np.concatenate([c[i] for c in columns])[order] if columns else np.empty(0, dtype=dtype)

    return Arrivals(
        spread(0, np.int64),
        joined(1, np.int64),
        joined(2, np.int64),
        joined(3, np.int32),
        spread(4, np.int64),
        cause[order],
        spread(6, np.bool_),
        spread(7, np.bool_),
        barriers,
        points,
        batches,
    )


def runs(*keys: NDArray[Any]) -> list[tuple[int, int]]:
    """Begin and end of each stretch of rows over which none of the keys (int64[n] each) changes."""
    n = len(keys[0])
    if not n:
        return []
    changes = np.zeros(n - 1, dtype=np.bool_)
    for key in keys:
        changes |= key[1:] != key[:-1]
    bounds = [0, *(np.flatnonzero(changes) + 1).tolist(), n]
    return list(itertools.pairwise(bounds))


def merged(
    points: Points, group: GroupArray, dimensions: IntArray, cause: IntArray, table: DimensionsTable
) -> list[Frame]:
    """Points as frames: one, unless neighbours are grouped by different dimensions."""
    found = runs(dimensions)
    if len(found) == 1:
        return [Frame(points, group, table[int(dimensions[0])], cause)]
    out = []
    for lo, hi in found:
        part = points.take(np.arange(lo, hi))
        out.append(Frame(part, group[lo:hi], table[int(dimensions[lo])], cause[lo:hi]))
    return out


class Lives:
    """Which groups each parent still has: a group is over for a node's children once all parents have ended it."""

    def __init__(self, parents: int) -> None:
        self._alive: BoolArray = np.zeros((parents, 64), dtype=np.bool_)

    def came(self, parent: IntArray, local: IntArray) -> None:
        """Points of these parents and local groups: int64[n] both."""
        self._reach(int(local.max(initial=-1)) + 1)
        self._alive[parent, local] = True

    def ended(self, parent: int, local: int) -> bool:
        """A parent has ended a group; gives whether no other has it any more."""
        self._reach(local + 1)
        self._alive[parent, local] = False
        return not self._alive[:, local].any()

    def keep(self, locals_: Rows) -> None:
        """Forget all groups but these, renumbered 0… in that order."""
        self._reach(int(locals_.max(initial=-1)) + 1)
        self._alive = self._alive[:, locals_]

    def state(self, groups: int) -> BoolArray:
        """bool[parents, groups]."""
        self._reach(groups)
        return self._alive[:, :groups].copy()

    def restore(self, state: BoolArray) -> None:
        """Take up what `state` gave."""
        self._alive = state.astype(np.bool_)

    def _reach(self, groups: int) -> None:
        have = self._alive.shape[1]
        if groups > have:
            grown = np.zeros((len(self._alive), max(groups, 2 * have)), dtype=np.bool_)
            grown[:, :have] = self._alive
            self._alive = grown
