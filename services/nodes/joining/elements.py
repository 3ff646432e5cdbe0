"""What a join has been given and has not let go of yet, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from services.columns.column import BoolArray, IntArray, Rows

HELD = -1
"""As an event: what was there before this step."""


@dataclass(slots=True)
class Elements:
    """n points (or batches) of a join's parents; int64[n] each.

    parent: which one. group: local number of the group it is joined in. time: ns, rounded by the tolerance. place:
    which of the sets of its group and time it belongs to, counted from 0. row: where it stands among what the parent
    has given and the node still holds. dimensions: number of what it is grouped by. event: its place in the order of
    arrival in this step, or HELD. A barrier has row -1.
    """

    parent: IntArray
    group: IntArray
    time: IntArray
    place: IntArray
    row: IntArray
    dimensions: IntArray
    event: IntArray

    def __len__(self) -> int:
        return len(self.time)

    def columns(self) -> list[IntArray]:
        """Its arrays, in the order above."""
        return [getattr(self, name) for name in _NAMES]

    def take(self, rows: Rows | BoolArray) -> Elements:
        """Some of them."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)  # once, and not for each array
        return Elements(*(getattr(self, name)[rows] for name in _NAMES))


_NAMES = tuple(f.name for f in fields(Elements))


def none() -> Elements:
    """No elements."""
    return Elements(*(np.empty(0, dtype=np.int64) for _ in _NAMES))


def together(parts: Sequence[Elements]) -> Elements:
    """Several, end to end."""
    if len(parts) == 1:
        return parts[0]
    return Elements(*(np.concatenate([getattr(p, name) for p in parts]) for name in _NAMES))


@dataclass(slots=True)
class Sets:
    """m sets that are to be emitted, in order: what has one time in one group, at most one element a parent.

    members: int64[m, parents], indexes into `elements`, -1 where the set lacks the parent. time: int64[m]. event:
    int64[m], the arrival that set it free.
    """

    elements: Elements
    members: IntArray
    time: IntArray
    event: IntArray

    def __len__(self) -> int:
        return len(self.time)

    def first(self) -> IntArray:
        """The lowest parent that each set has: int64[m]."""
        lowest: IntArray = np.zeros(len(self), dtype=np.int64)
        for parent in reversed(range(self.members.shape[1])):
            lowest[self.members[:, parent] >= 0] = parent
        return lowest

    def rows(self) -> IntArray:
        """The members' rows: int64[m, parents], -1 where the set lacks the parent."""
        if not len(self.elements):
            return self.members
        rows: IntArray = np.where(self.members >= 0, self.elements.row[self.members], -1)
        return rows
