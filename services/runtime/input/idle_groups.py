"""Groups that get no points any more: found, and ended for all nodes below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.columns.arrivals import runs
from services.columns.column import IntArray
from services.columns.frame import Barriers, Batches, Frame
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.keyed_state import KeyedState, column, numbering
from services.columns.groups.portable_names import GroupNames
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.runtime.context import Context


class IdleGroups(KeyedState):
    """When each group that a node gives last got a point; those silent for longer than `age` ns are ended.

    Silence is measured on the run's clock, in eighths of the age: a group ends between 1 and 9/8 of the age after its
    last point. It ends as with barrier().delete(TRUE): by a barrier whose time is that of its last point plus the age.
    """

    due: IntArray = column(np.int64)  # when it ends unless a point comes
    last: IntArray = column(np.int64)  # the time of its last point
    grouped_by: IntArray = column(np.int64, into="dimensions")
    dimensions: DimensionsTable = numbering(DimensionsTable)

    def __init__(self, context: Context, age: int) -> None:
        super().__init__(context.table)
        self._context = context
        self.age = age
        self._grain = max(age // 8, 1)
        self.next: int | None = None
        """When (ns) to look for idle groups next: none ends earlier. None: there are no groups."""

    def observe(self, message: Frame | Batches) -> None:
        """Points of these groups have come."""
        if not len(message):
            return
        if isinstance(message, Frame):
            order = message.by_group()
            rows = order.order[order.ends - 1]
            local, time, origin = self.groups.members(message), message.points.time[rows], message.origin[rows]
        else:
            local, time, origin = self.groups.local(message.group), message.tmax, message.origin
        due = self._deadline(self._context.step.times_of(origin))
        self.due[local], self.last[local] = due, time
        self.grouped_by[local] = self.dimensions.number(message.dimensions)
        earliest = int(due.min())
        self.next = earliest if self.next is None else min(self.next, earliest)

    def expire(self, now: int) -> list[Barriers]:
        """The ends of the groups that have been silent for too long by `now`, which are forgotten here as well."""
        n = len(self)
        idle = self.due[:n] <= now
        over, left = np.flatnonzero(idle), np.flatnonzero(~idle)
        out = []
        group, time = self.groups.global_numbers(over), self.last[over] + self.age
        for lo, hi in runs(self.grouped_by[over]):
            by, origin = self.dimensions[int(self.grouped_by[over[lo]])], np.zeros(hi - lo, dtype=np.int64)
            out.append(Barriers(group[lo:hi], time[lo:hi], origin, by, True))
        if len(over):
            self.keep(left)
        self._look()
        return out

    def resumed(self, now: int) -> None:
        """Nothing was observed up to now: silence counts from here on."""
        self.due[: len(self)] = self._deadline(np.array([now], dtype=np.int64))
        self._look()

    def restore(self, state: State) -> None:
        super().restore(state)
        self._look()

    @classmethod
    def joined(cls, states: Sequence[State], table: SeriesTable) -> State:
        """A group that several shares have (of points that are not grouped by what tells shares apart) was seen last
        where it is due last."""
        numbers = [state["groups"].numbers(table) for state in states]
        of, every = np.repeat(np.arange(len(states)), [len(n) for n in numbers]), np.concatenate(numbers)
        due = np.concatenate([np.asarray(state["due"])[: len(n)] for state, n in zip(states, numbers, strict=True)])
        order = np.lexsort((due, every))
        last = np.append(every[order][1:] != every[order][:-1], True) if len(order) else np.empty(0, dtype=np.bool_)
        kept = np.zeros(len(every), dtype=np.bool_)
        kept[order[last]] = True
        parts = []
        for number, (state, names) in enumerate(zip(states, numbers, strict=True)):
            left = np.flatnonzero(kept[of == number])
            parts.append({"groups": GroupNames(table, names[left]), **cls.take(state, left, table)})
        return super().joined(parts, table)

    def _deadline(self, seen: IntArray) -> IntArray:
        return -(-(seen + self.age) // self._grain) * self._grain

    def _look(self) -> None:
        n = len(self)
        self.next = int(self.due[:n].min()) if n else None
