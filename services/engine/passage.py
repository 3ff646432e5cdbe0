"""What comes through a node point by point, whether on a stream or in batches, seen as runs of rows of one group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.engine.column import BoolArray, IntArray, Rows
from services.engine.frame import Batches, Frame, GroupOrder, Points, group_order
from services.engine.node import Groups
from services.engine.segments import is_first


@dataclass(frozen=True, slots=True)
class Passage:
    """Points with, for each, the local number of its state; and a way to put what came out back in its place.

    group: int64[n]. On a stream, and in batches whose state goes on, it is the node's own number of the group; where
    state begins anew with every batch it is the number of the batch.
    """

    source: Frame | Batches
    points: Points
    group: IntArray

    def order(self) -> GroupOrder:
        """Rows put together by `group`, each group's in order; starts, ends and groups (local numbers)."""
        if isinstance(self.source, Frame):
            by_number = self.source.by_group()
            firsts = by_number.order[by_number.starts]
            return GroupOrder(by_number.order, by_number.starts, by_number.ends, self.group[firsts].astype(np.int32))
        if len(self.group) and (self.group[1:] >= self.group[:-1]).all():
            starts = np.flatnonzero(is_first(self.group))
            ends = np.append(starts[1:], len(self.group)).astype(np.intp)
            return GroupOrder(np.arange(len(self.group)), starts, ends, self.group[starts].astype(np.int32))
        return group_order(self.group)

    def out(self, points: Points, kept: BoolArray | None = None) -> Frame | Batches:
        """The source with `points` for its own, of which only the `kept` rows (bool[n]; None: all) go on."""
        if kept is None or kept.all():
            return self.source.with_points(points)
        if isinstance(self.source, Frame):
            return self.source.with_points(points).take(np.flatnonzero(kept))
        return self.source.with_points(points).keep(kept)


def stream(frame: Frame, groups: Groups) -> Passage:
    """A frame, its state by group."""
    return Passage(frame, frame.points, groups.local(frame.group))


def going_on(batches: Batches, groups: Groups) -> Passage:
    """Batches, their state by group and going on from batch to batch."""
    return Passage(batches, batches.points, groups.local(batches.group)[batches.batch_of_points()])


def anew(batches: Batches, groups: Groups) -> Passage:
    """Batches, their state beginning anew with each."""
    groups.local(batches.group)
    return Passage(batches, batches.points, batches.batch_of_points().astype(np.int64))


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
