"""Late points: those older than the newest that has come before them in their group, from the same parent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from services.engine.column import IntArray
from services.engine.frame import Barriers, Frame, GroupOrder, Message, group_order
from services.engine.node import Groups
from services.engine.segments import grown, running_max
from services.engine.series import GroupArray, SeriesTable
from services.pipeline.spec import Edge

_NEVER = np.iinfo(np.int64).min


class Lateness:
    """Counts the late points among what one node is given; batches by their own times, each for one."""

    def __init__(self, table: SeriesTable, parents: int, edges: Sequence[Edge]) -> None:
        """edges: the kinds of input on which order matters to the node."""
        self._edges = frozenset(edges)
        self._lines = [_Line(table) for _ in range(parents)]

    def count(self, inputs: Sequence[Sequence[Message]]) -> int:
        """How many late points one step has brought; inputs: what each parent emitted in it."""
        late = 0
        for line, messages in zip(self._lines, inputs, strict=True):
            for message in messages:
                if isinstance(message, Barriers):
                    if message.delete:
                        line.forget(message.group)
                elif isinstance(message, Frame):
                    if Edge.STREAM in self._edges:
                        late += line.came(message.group, message.points.time, message.by_group)
                elif Edge.BATCH in self._edges:
                    group = message.group
                    late += line.came(group, message.tmax, lambda group=group: group_order(group))  # type: ignore[misc]
        return late

    def state(self) -> list[Any]:
        """As plain data."""
        return [line.state() for line in self._lines]

    def restore(self, state: Sequence[Any]) -> None:
        """Take up what `state` gave."""
        for line, saved in zip(self._lines, state, strict=True):
            line.restore(saved)


class _Line:
    """What one parent has given: the newest time of each group."""

    def __init__(self, table: SeriesTable) -> None:
        self._groups = Groups(table)
        self._newest: IntArray = np.empty(0, dtype=np.int64)  # by local group
        self._top = _NEVER  # the newest of all

    def came(self, group: GroupArray, time: IntArray, order: Callable[[], GroupOrder]) -> int:
        if not len(time):
            return 0
        local = self._groups.local(group)
        self._newest = grown(self._newest, len(self._groups), _NEVER)
        if time[0] >= self._top and (time[1:] >= time[:-1]).all():
            # the usual case needs no sorting; of several assignments to one group the last stays, which is the newest
            self._newest[local], self._top = time, int(time[-1])
            return 0
        by = order()
        rows = by.order
        members, times = local[rows[by.starts]], time[rows]
        top = running_max(times, by.starts)
        top = np.maximum(top, np.repeat(self._newest[members], by.ends - by.starts))
        self._newest[members] = top[by.ends - 1]
        self._top = max(self._top, int(time.max()))
        return int(np.count_nonzero(times < top))

    def forget(self, group: GroupArray) -> None:
        left = self._groups.without(group)
        if len(left) == len(self._groups):
            return
        self._newest = self._newest[left]
        self._groups.keep(left)

    def state(self) -> list[Any]:
        return [self._groups.state(), self._newest[: len(self._groups)], self._top]

    def restore(self, state: Sequence[Any]) -> None:
        groups, newest, top = state
        self._groups.restore(groups)
        self._newest, self._top = np.array(newest, dtype=np.int64), top
