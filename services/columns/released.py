"""What barriers set free of the points that nodes hold back by group: those of a time that no more can come of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Barriers
from services.columns.groups.local_groups import LocalGroups
from services.columns.segments import is_first
from services.columns.times import round_half_up


@dataclass(frozen=True, slots=True)
class EndedGroups:
    """r groups whose points are set free, in the order of their barriers.

    rows: intp[n], the points, group after group, each group's in order of arrival. run: intp[n], which of the groups
    each belongs to. first: intp[r], each group's first point. barrier: intp[r], the barrier that did it.
    left: intp, the points that stay, ascending.
    """

    rows: Rows
    run: Rows
    first: Rows
    barrier: Rows
    left: Rows


def ended(barriers: Barriers, groups: LocalGroups, local: IntArray, time: IntArray, tolerance: int = 0) -> EndedGroups:
    """Which points barriers set free: all of a group that ends, else those before its barrier.

    No group may stand twice in the barriers. local: int64[n], the points' local groups, all of which must be known.
    time: int64[n], theirs in ns, rounded by the tolerance: a barrier's time is rounded in the same way, since points
    that come after it are.
    """
    by = np.full(len(groups), -1, dtype=np.intp)
    owner = groups.known(barriers.group)
    by[owner[owner >= 0]] = np.flatnonzero(owner >= 0)
    barrier = by[local]
    over = barrier >= 0
    if not barriers.delete:
        over &= time < round_half_up(barriers.time, tolerance)[barrier]
    rows = np.flatnonzero(over)
    rows = rows[np.argsort(barrier[rows], kind="stable")]
    begins = is_first(barrier[rows])
    first = rows[begins]
    return EndedGroups(rows, np.cumsum(begins) - 1, first, barrier[first], np.flatnonzero(~over))
