"""Late points: those older than the newest that has come before them in their group, from the same parent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from services.columns.column import IntArray
from services.columns.frame import Barriers, Frame, GroupOrder, Message, group_order
from services.columns.groups.keyed_state import KeyedState, Partitioning, column
from services.columns.groups.series import GroupArray, SeriesTable
from services.columns.segments import running_max
from services.pipeline.spec import Edge

_NEVER = np.iinfo(np.int64).min


class LatePointCounter:
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
                        late += line.observe(message.group, message.points.time, message.by_group)
                elif Edge.BATCH in self._edges:
                    group = message.group
                    late += line.observe(group, message.tmax, lambda group=group: group_order(group))  # type: ignore[misc]
        return late

    def state(self) -> list[Any]:
        """As plain data."""
        return [line.to_plain() for line in self._lines]

    def restore(self, state: Sequence[Any]) -> None:
        """Take up what `state` gave."""
        for line, saved in zip(self._lines, state, strict=True):
            line.take_up(saved)

    @staticmethod
    def split(state: Sequence[Any], sharing: Partitioning) -> list[list[Any]]:
        """What `state` gave apart by group."""
        found: list[list[Any]] = [[] for _ in range(sharing.shares)]
        for groups, newest, top in state:
            parts = _Line.split({"groups": groups, "newest": newest}, sharing)
            for one, share in zip(parts, found, strict=True):
                share.append([one["groups"], one["newest"], top])
        return found

    @staticmethod
    def joined(states: Sequence[Sequence[Any]], table: SeriesTable) -> list[Any]:
        """What `split` gave as one again."""
        found = []
        for lines in zip(*states, strict=True):
            one = _Line.joined([{"groups": groups, "newest": newest} for groups, newest, _ in lines], table)
            found.append([one["groups"], one["newest"], max(top for _, _, top in lines)])
        return found


class _Line(KeyedState):
    """What one parent has given: the newest time of each group."""

    newest: IntArray = column(np.int64, _NEVER)

    def __init__(self, table: SeriesTable) -> None:
        super().__init__(table)
        self._top = _NEVER  # the newest of all

    def observe(self, group: GroupArray, time: IntArray, order: Callable[[], GroupOrder]) -> int:
        if not len(time):
            return 0
        local = self.groups.local(group)
        if time[0] >= self._top and (time[1:] >= time[:-1]).all():
            # the usual case needs no sorting; of several assignments to one group the last stays, which is the newest
            self.newest[local], self._top = time, int(time[-1])
            return 0
        by = order()
        rows = by.order
        members, times = local[rows[by.starts]], time[rows]
        top = running_max(times, by.starts)
        top = np.maximum(top, np.repeat(self.newest[members], by.ends - by.starts))
        self.newest[members] = top[by.ends - 1]
        self._top = max(self._top, int(time.max()))
        return int(np.count_nonzero(times < top))

    def to_plain(self) -> list[Any]:
        state = self.state()
        return [state["groups"], state["newest"], self._top]

    def take_up(self, saved: Sequence[Any]) -> None:
        groups, newest, self._top = saved
        self.restore({"groups": groups, "newest": newest})
