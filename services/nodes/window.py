"""window: cut a stream into batches by time or by count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.column import IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, GroupOrder, Message
from services.columns.groups.keyed_state import KeyedState, column, keyed_part
from services.columns.groups.measurements import FirstNames
from services.columns.groups.retag import named
from services.columns.groups.series import Dimensions, GroupArray, SeriesArray
from services.columns.groups.shown import shown_points
from services.columns.keyed_buffer import KeyedWindowBuffer
from services.columns.segments import rank_in_segment, running_max
from services.columns.times import truncate, year_1_past
from services.nodes.windowing.edges import NOT_ALIGNED, due_by_time
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, flag, prop
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode

_NAMELESS = "barrier"
"""The measurement of a group that a barrier has told of before any point, as with Kapacitor 1.5.7."""


@dataclass
class WindowProperties(Properties):
    """Either `period` and `every`, or `periodCount` and `everyCount`."""

    period: int = prop(Type.DURATION, default=0, doc="How long the window is.")
    every: int = prop(Type.DURATION, default=0, doc="How often it is emitted. 0: with every point.")
    align: bool = flag(doc="Put the edges on multiples of `every`.")
    fill_period: bool = flag(doc="Emit nothing until the first whole period is over.")
    period_count: int = prop(Type.INT, default=0, doc="How many points the window holds.")
    every_count: int = prop(Type.INT, default=0, doc="After how many points it is emitted.")

    def check(self) -> None:
        if self.period_count and self.period:
            raise ValueError("cannot specify both period and periodCount")
        if self.period_count and self.align:
            raise ValueError("can only align windows based off time, not count")
        if self.period_count and self.every_count <= 0:
            raise ValueError("everyCount must be greater than zero")

    def reads(self) -> frozenset[str]:
        return frozenset()


class Windows(KeyedState):
    next: IntArray = column(np.int64)  # by time: the next edge in ns; by count: after how many points it is due
    count: IntArray = column(np.int64)  # points seen, where windows go by count
    names: FirstNames = keyed_part(FirstNames)
    buffer: KeyedWindowBuffer = keyed_part(KeyedWindowBuffer)


class WindowNode(KeyedNode):
    """Keeps each group's points and emits the last `period` of them every `every`.

    A window is emitted only when a point (or a barrier) comes at or after its edge; the next edge is that point's time
    plus `every`, so a gap gives one window and not many. Windows by time hold [edge - period, edge), with every(0s)
    (point - period, point]. The batch's time is the edge, or the last point's time where windows go by count.

    A group begins with its first point or its first barrier, whichever comes first. So behind a `where` that lets no
    point of a group through the barriers of that group still give windows, empty ones, whose count is 0. Batches of a
    group that began with a barrier have the measurement `barrier`, for as long as it lasts, as with Kapacitor.

    Barriers do not go beyond windows by time, but for what joins below need to know so as not to wait: that of the
    group no window before the next edge will come.
    """

    spec = NodeSpec(
        name="window",
        type_name="WindowNode",
        properties=WindowProperties,
        wants=(Edge.STREAM,),
        provides=Edge.BATCH,
        doc=__doc__ or "",
        late=(
            "they stand in the window where they arrived, not sorted in, as long as it is open, and do not move its "
            "edges. Points that are too old are let go only from the front, up to the first that is not. A window that "
            "has left is not emitted again. With every(0s) they emit no window."
        ),
    )

    holds = True
    keeps = Windows
    keyed: Windows
    properties: WindowProperties

    def __init__(self, properties: WindowProperties, context: Context) -> None:
        super().__init__(properties, context)
        if properties.period == 0 and properties.period_count == 0:
            raise TaskFailed("window node must have either a non zero period or non zero period count")
        if properties.period_count < 0:
            raise TaskFailed("window node must not have a negative period count")
        table = context.table
        self._names, self._buffer = FirstNames(table), KeyedWindowBuffer(table)
        self.keyed = Windows(table, names=self._names, buffer=self._buffer)

    def frame(self, frame: Frame) -> Sequence[Message]:
        known, groups = len(self.keyed), self.keyed.groups
        segments = frame.by_group()
        members, local = groups.members(frame), groups.local(frame.group)
        first = segments.order[segments.starts]
        self._names.observe(members, frame.points.series[first])
        self._begin(members, frame.points.time[first], known)
        needed = self.context.needed_fields
        points = frame.points if needed is None else frame.points.only(sorted(needed))
        self._buffer.add(points.detached(), local)
        time = frame.points.time[segments.order]
        if self.properties.period_count:
            due = self._due_by_count(segments, members, time)
        elif self.properties.every:
            due = self._due_by_time(segments, members, time)
        else:
            due = self._due_always(segments, members, time)
        return self._emit(frame, segments, members, due) if len(due.row) else []

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        p = self.properties
        out: list[Message] = [] if p.period else [barriers]
        known = len(self.keyed)
        group = self.keyed.groups.local(barriers.group)
        fresh = self._begin(group, barriers.time, known)
        self._names.observe(group[fresh], self._nameless(barriers.group[fresh]))
        if p.period and not barriers.timeless:
            due = barriers.time >= self.keyed.next[group]
            out += self._closed(group[due], barriers.time[due], barriers.origin[due], barriers.dimensions)
            out.append(barriers.only_for_joins(np.maximum(self.keyed.next[group], barriers.time)))
        if barriers.delete:
            if p.period:
                out.append(barriers.only_ends())
            self.keyed.forget(barriers.group)
        return out

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return [] if self.properties.period else [barriers]

    def explain(self, group: int) -> dict[str, Any]:
        local = self.local_number(group)
        if local is None:
            return {}
        self._buffer.sort()
        numbers = np.array([local], dtype=np.int64)
        points, _ = self._buffer.points(numbers, np.zeros(1, dtype=np.intp), self._buffer.held(numbers))
        due = int(self.keyed.next[local])
        if self.properties.period_count:
            when: dict[str, Any] = {"seen": int(self.keyed.count[local]), "due after points": due}
        else:
            when = {"due at": format_rfc3339(due)}
        return {**when, "points": shown_points(points, self.context.table)}

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        if "due at" in after:
            return f"the window is not due before a point of {after['due at']} or later comes"
        if "seen" in after:
            return f"the window has seen {after['seen']} points and is due after {after['due after points']}"
        return ""

    def _begin(self, local: IntArray, time: IntArray, known: int) -> Rows:
        """Something came of these groups, each once, at these times: intp, the positions of those that are new."""
        if len(self.keyed) == known:
            return np.empty(0, dtype=np.intp)
        fresh = np.flatnonzero(local >= known)
        self.keyed.next[local[fresh]] = self._first_edge(time[fresh])
        return fresh

    def _nameless(self, group: GroupArray) -> SeriesArray:
        """Series with the measurement of groups that begin with a barrier: int32[k]."""
        table = self.context.table
        of = (table.group(n) for n in group.tolist())
        return np.array([named(g.name if g.by_name else _NAMELESS, table) for g in of], dtype=np.int32)

    def _closed(self, group: IntArray, at: IntArray, origin: IntArray, dimensions: Dimensions) -> list[Message]:
        """The windows of these groups (each once) that barriers of the times `at` close."""
        p = self.properties
        self._buffer.sort()
        end = self._buffer.held(group)
        if not p.every:
            self.keyed.next[group] = at
            lower = self._buffer.first_not_before(group, end, at - p.period, above=True)
            return self._batches(group, lower, end, at, origin, dimensions)
        edge = self.keyed.next[group]
        after = at + p.every
        self.keyed.next[group] = truncate(after, p.every) if p.align else after
        lower = self._buffer.first_not_before(group, end, edge - p.period)
        return self._batches(group, lower, end, edge, origin, dimensions)

    def _first_edge(self, time: IntArray) -> IntArray:
        p = self.properties
        if p.period_count:
            return np.full(len(time), p.period_count if p.fill_period else p.every_count, dtype=np.int64)
        if not p.fill_period:
            return truncate(time + p.every, p.every) if p.align else time + p.every
        edge = time + p.period
        if not p.align:
            return edge
        aligned = truncate(edge, p.every)
        return np.where(aligned > edge, aligned, aligned + p.every)

    def _due_by_time(self, segments: GroupOrder, members: IntArray, time: IntArray) -> _Due:
        p = self.properties
        by = segments.starts, segments.ends, members
        aligned = year_1_past(p.every) if p.align else NOT_ALIGNED
        segment, row, edge = due_by_time(time, *by, self.keyed.next, p.every, aligned)
        return _Due(segment, row, edge, edge - p.period)

    def _due_always(self, segments: GroupOrder, members: IntArray, time: IntArray) -> _Due:
        """every(0s): each point that is not older than the window last emitted."""
        top = running_max(time, segments.starts)
        segment = np.repeat(np.arange(len(members), dtype=np.intp), segments.ends - segments.starts)
        row = np.flatnonzero((time >= top) & (time >= self.keyed.next[members[segment]]))
        last = top[segments.ends - 1]
        self.keyed.next[members] = np.where(last >= self.keyed.next[members], last, self.keyed.next[members])
        return _Due(segment[row], row, time[row], time[row] - self.properties.period)

    def _due_by_count(self, segments: GroupOrder, members: IntArray, time: IntArray) -> _Due:
        lengths = segments.ends - segments.starts
        segment = np.repeat(np.arange(len(members), dtype=np.intp), lengths)
        past = (
            self.keyed.count[members][segment]
            + rank_in_segment(segments.starts, len(time))
            + 1
            - self.keyed.next[members[segment]]
        )
        row = np.flatnonzero((past >= 0) & (past % self.properties.every_count == 0))
        self.keyed.count[members] += lengths
        self.keyed.next[members] += self.properties.every_count * np.bincount(segment[row], minlength=len(members))
        return _Due(segment[row], row, time[row], time[row])

    def _emit(self, frame: Frame, segments: GroupOrder, members: IntArray, due: _Due) -> Sequence[Message]:
        p = self.properties
        self._buffer.sort()
        by_arrival = np.argsort(segments.order[due.row], kind="stable")
        segment, row, edge, oldest = (a[by_arrival] for a in (due.segment, due.row, due.edge, due.oldest))
        group = members[segment]
        # a frame's points are the last of their groups in the buffer; without every(0s) the point itself is not in
        upper = self._buffer.held(group) - (segments.ends[segment] - row)
        if not p.every:
            upper += 1
        if p.period_count:
            lower = np.maximum(0, upper - p.period_count)
        else:
            lower = self._buffer.first_not_before(group, upper, oldest, above=not p.every)
        return self._batches(group, lower, upper, edge, frame.origin[segments.order[row]], frame.dimensions)

    def _batches(
        self, group: IntArray, lower: Rows, upper: Rows, edge: IntArray, origin: IntArray, dimensions: Dimensions
    ) -> list[Message]:
        if not len(group):
            return []
        points, offsets = self._buffer.points(group, lower, upper)
        self._buffer.forget(group, lower)
        numbers = self.keyed.groups.global_numbers(group)
        names = self._names.names(group)
        return [Batches(points, offsets, numbers, names, edge, dimensions, origin)]


@dataclass(frozen=True, slots=True)
class _Due:
    """Windows to be emitted: which segment (group) of the frame and which of its sorted rows brought it; its bounds."""

    segment: Rows
    row: Rows
    edge: IntArray
    oldest: IntArray
