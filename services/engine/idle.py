"""Groups that get no points any more: found, and ended for all nodes below."""

from __future__ import annotations

import numpy as np

from services.engine.column import IntArray
from services.engine.frame import Barriers, Batches, Frame
from services.engine.merging import DimensionsTable, runs
from services.engine.node import Context, Groups, State
from services.engine.segments import grown


class IdleGroups:
    """When each group that a node gives last got a point; those silent for longer than `age` ns are ended.

    Silence is measured on the run's clock, in eighths of the age: a group ends between 1 and 9/8 of the age after its
    last point. It ends as with barrier().delete(TRUE): by a barrier whose time is that of its last point plus the age.
    """

    def __init__(self, context: Context, age: int) -> None:
        self._context = context
        self.age = age
        self._grain = max(age // 8, 1)
        self._groups = Groups(context.table)
        self._dimensions = DimensionsTable()
        # by local group: when it ends unless a point comes, the time of its last point, its dimensions
        self._due: IntArray = np.zeros(0, dtype=np.int64)
        self._last: IntArray = np.zeros(0, dtype=np.int64)
        self._grouped_by: IntArray = np.zeros(0, dtype=np.int64)
        self.next: int | None = None
        """When (ns) to look for idle groups next: none ends earlier. None: there are no groups."""

    def __len__(self) -> int:
        return len(self._groups)

    def came(self, message: Frame | Batches) -> None:
        """Points of these groups have come."""
        if not len(message):
            return
        if isinstance(message, Frame):
            order = message.by_group()
            rows = order.order[order.ends - 1]
            local, time, cause = self._groups.members(message), message.points.time[rows], message.cause[rows]
        else:
            local, time, cause = self._groups.local(message.group), message.tmax, message.cause
        n = len(self._groups)
        self._due, self._last = grown(self._due, n), grown(self._last, n)
        self._grouped_by = grown(self._grouped_by, n)
        due = self._deadline(self._context.step.came(cause))
        self._due[local], self._last[local] = due, time
        self._grouped_by[local] = self._dimensions.number(message.dimensions)
        earliest = int(due.min())
        self.next = earliest if self.next is None else min(self.next, earliest)

    def expire(self, now: int) -> list[Barriers]:
        """The ends of the groups that have been silent for too long by `now`, which are forgotten here as well."""
        n = len(self._groups)
        idle = self._due[:n] <= now
        over, left = np.flatnonzero(idle), np.flatnonzero(~idle)
        out = []
        group, time = self._groups.global_numbers(over), self._last[over] + self.age
        for lo, hi in runs(self._grouped_by[over]):
            by, cause = self._dimensions[int(self._grouped_by[over[lo]])], np.zeros(hi - lo, dtype=np.int64)
            out.append(Barriers(group[lo:hi], time[lo:hi], cause, by, True))
        if len(over):
            self._groups.keep(left)
            self._due, self._last, self._grouped_by = self._due[left], self._last[left], self._grouped_by[left]
        self._look()
        return out

    def resumed(self, now: int) -> None:
        """Nothing was observed up to now: silence counts from here on."""
        self._due[: len(self._groups)] = self._deadline(np.array([now], dtype=np.int64))
        self._look()

    def state(self) -> State:
        """As plain data."""
        n = len(self._groups)
        return {
            "groups": self._groups.state(),
            "due": self._due[:n],
            "last": self._last[:n],
            "grouped_by": self._grouped_by[:n],
            "dimensions": self._dimensions.state(),
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave."""
        self._groups.restore(state["groups"])
        self._due, self._last = np.array(state["due"], dtype=np.int64), np.array(state["last"], dtype=np.int64)
        self._grouped_by = np.array(state["grouped_by"], dtype=np.int64)
        self._dimensions.restore(state["dimensions"])
        self._look()

    def _deadline(self, came: IntArray) -> IntArray:
        return -(-(came + self.age) // self._grain) * self._grain

    def _look(self) -> None:
        n = len(self._groups)
        self.next = int(self._due[:n].min()) if n else None
