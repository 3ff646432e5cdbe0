"""What comes through a node point by point, whether on a stream or in batches, seen as runs of rows of one group."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from services.columns.column import BoolArray, IntArray, Rows
from services.columns.frame import Batches, Frame, GroupOrder, Points, group_order
from services.columns.groups.local_groups import LocalGroups
from services.columns.segments import is_first


class GroupedView:
    """Points with, for each, the local number of its state; and a way to put what came out back in its place.

    On a stream, and in batches whose state goes on, that number is the node's own number of the group; where state
    begins anew with every batch it is the number of the batch.
    """

    def __init__(
        self, source: Frame | Batches, groups: LocalGroups, members: IntArray, per_batch: bool = False
    ) -> None:
        """members: the local numbers of the groups in the frame's `by_group()`, or of the batches' groups."""
        self.source = source
        self.points = source.points
        self._groups = groups
        self._members = members
        self._per_batch = per_batch

    @cached_property
    def group(self) -> IntArray:
        """int64[n]. Made only when asked for: most nodes do with `order`."""
        if isinstance(self.source, Frame):
            return self._groups.local(self.source.group)
        of = self.source.batch_of_points()
        return of.astype(np.int64) if self._per_batch else self._members[of]

    def order(self) -> GroupOrder:
        """Rows put together by `group`, each group's in order; starts, ends and groups (local numbers)."""
        if isinstance(self.source, Frame):
            order = self.source.by_group()
            return GroupOrder(order.order, order.starts, order.ends, self._members.astype(np.int32))
        group = self.group
        if len(group) and (group[1:] >= group[:-1]).all():
            starts = np.flatnonzero(is_first(group))
            ends = np.append(starts[1:], len(group)).astype(np.intp)
            return GroupOrder(np.arange(len(group)), starts, ends, group[starts].astype(np.int32))
        return group_order(group)

    def out(self, points: Points, kept: BoolArray | None = None) -> Frame | Batches:
        """The source with `points` for its own, of which only the `kept` rows (bool[n]; None: all) go on."""
        if kept is None or kept.all():
            return self.source.with_points(points)
        if isinstance(self.source, Frame):
            return self.source.with_points(points).take(np.flatnonzero(kept))
        return self.source.with_points(points).keep(kept)


def stream(frame: Frame, groups: LocalGroups) -> GroupedView:
    """A frame, its state by group."""
    return GroupedView(frame, groups, groups.members(frame))


def continuous(batches: Batches, groups: LocalGroups) -> GroupedView:
    """Batches, their state by group and going on from batch to batch."""
    return GroupedView(batches, groups, groups.local(batches.group))


def per_batch(batches: Batches, groups: LocalGroups) -> GroupedView:
    """Batches, their state beginning anew with each."""
    return GroupedView(batches, groups, groups.local(batches.group), per_batch=True)


def previous(rows: Rows, order: GroupOrder, chosen: BoolArray) -> tuple[Rows, Rows]:
    """For the chosen rows (bool[n], by row) in group order: the chosen row before each in its group, -1 for the first.

    rows: order.order. Gives (row numbers, row numbers of their predecessors), both in group order.
    """
    mine = rows[chosen[rows]]
    segment = np.repeat(np.arange(len(order.starts)), order.ends - order.starts)[chosen[rows]]
    before = np.empty(len(mine), dtype=np.intp)
    before[1:] = mine[:-1]
    before[is_first(segment)] = -1
    return mine, before
