"""What nodes with several parents see of a step: everything that came, from whichever parent, in order of arrival."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from services.columns.column import BoolArray, IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Message, Points
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.keyed_state import KeyedState, column
from services.columns.groups.series import GroupArray, SeriesTable

BAR, ENDS = -1, -2
"""As the row of something that came: it is a barrier; it is one that says nothing but that its group is over."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The points (or batches) and barriers of one step, in order of arrival: by origin, then by parent.

    All arrays have shape (n,). parent: which parent it came from. row: where it stands among that parent's points or
    batches of this step; for a barrier BAR, or ENDS where it has no time of its own (NO_TIME). time: int64 ns, a
    batch's tmax. group: int32. dimensions: int64, numbers of a DimensionsTable. origin: int64, never falling. delete:
    whether it is a barrier that ends its group. mute: whether what it says of time is not for the nodes below.
    barriers: whether there are any. points, batches: of each parent, as they came.
    """

    parent: IntArray
    row: IntArray
    time: IntArray
    group: GroupArray
    dimensions: IntArray
    origin: IntArray
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
        names = ("parent", "row", "time", "group", "dimensions", "origin", "delete", "mute")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


class _Share(NamedTuple):
    """What one message has of a step's arrivals: arrays by element, and what all of them have in common."""

    row: IntArray
    time: IntArray
    group: GroupArray
    origin: IntArray
    parent: int
    dimensions: int
    delete: bool
    mute: bool


def arrivals(inputs: Sequence[Sequence[Message]], table: DimensionsTable) -> Arrivals:
    """Everything that the parents of a node emitted in a step."""
    shares: list[_Share] = []
    points: list[list[Points]] = []
    batches: list[list[Batches]] = []
    for parent, messages in enumerate(inputs):
        points.append([m.points for m in messages if isinstance(m, Frame) and len(m)])
        batches.append([m for m in messages if isinstance(m, Batches) and len(m)])
        at, last = 0, 0
        for m in messages:
            n = len(m.origin)
            if not n:
                continue
            delete = mute = False
            if isinstance(m, Barriers):
                time, row = m.time, np.full(n, ENDS if m.timeless else BAR, dtype=np.int64)
                delete, mute = m.delete, m.timeless or m.for_joins
            else:
                time, row = m.points.time if isinstance(m, Frame) else m.tmax, np.arange(at, at + n, dtype=np.int64)
                at += n
            origin = np.maximum(m.origin, last) if last else m.origin
            last = int(origin[-1])
            shares.append(_Share(row, time, m.group, origin, parent, table.number(m.dimensions), delete, mute))
    lengths = [len(share.row) for share in shares]
    origin = np.concatenate([share.origin for share in shares]) if shares else np.empty(0, dtype=np.int64)
    order = np.argsort(origin, kind="stable")

    def spread(values: Iterable[int], dtype: DTypeLike) -> NDArray[Any]:
        return np.repeat(np.array(list(values), dtype=dtype), lengths)[order]

    def joined(parts: list[NDArray[Any]], dtype: DTypeLike) -> NDArray[Any]:
        return np.concatenate(parts)[order] if parts else np.empty(0, dtype=dtype)

    return Arrivals(
        parent=spread((share.parent for share in shares), np.int64),
        row=joined([share.row for share in shares], np.int64),
        time=joined([share.time for share in shares], np.int64),
        group=joined([share.group for share in shares], np.int32),
        dimensions=spread((share.dimensions for share in shares), np.int64),
        origin=origin[order],
        delete=spread((share.delete for share in shares), np.bool_),
        mute=spread((share.mute for share in shares), np.bool_),
        barriers=any(share.row[0] < 0 for share in shares),
        points=points,
        batches=batches,
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
    points: Points, group: GroupArray, dimensions: IntArray, origin: IntArray, table: DimensionsTable
) -> list[Frame]:
    """Points as frames: one, unless neighbours are grouped by different dimensions."""
    found = runs(dimensions)
    if len(found) == 1:
        return [Frame(points, group, table[int(dimensions[0])], origin)]
    out = []
    for lo, hi in found:
        part = points.take(np.arange(lo, hi))
        out.append(Frame(part, group[lo:hi], table[int(dimensions[lo])], origin[lo:hi]))
    return out


def _turned(alive: BoolArray) -> BoolArray:
    return np.asarray(alive).T.copy()


class LiveGroups(KeyedState):
    """Which groups each parent still has: a group is over for a node's children once all parents have ended it."""

    # (groups, parents); saved the other way round
    alive: BoolArray = column(np.bool_, inner=True, to_plain=_turned, from_plain=_turned)

    def __init__(self, table: SeriesTable, parents: int, **parts: Any) -> None:
        super().__init__(table, (parents,), **parts)

    def observe(self, parent: IntArray, local: IntArray) -> None:
        """Points of these parents and local groups: int64[n] both."""
        self.alive[local, parent] = True

    def ended(self, parent: int, local: int) -> bool:
        """A parent has ended a group; gives whether no other has it any more."""
        self.alive[local, parent] = False
        return not self.alive[local].any()
