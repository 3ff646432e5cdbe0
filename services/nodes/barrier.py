"""barrier: tell the nodes below that a group's time has moved on although no points come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.arrivals import runs
from services.columns.column import BoolArray, IntArray
from services.columns.frame import Barriers, Batches, Frame, GroupOrder, Message, group_order
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.keyed_state import KeyedState, column, numbering
from services.nodes.scheduling.schedule import check_interval
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, prop
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode

_NEVER = np.iinfo(np.int64).min


@dataclass
class BarrierProperties(Properties):
    """Either `idle` or `period`."""

    idle: int = prop(Type.DURATION, default=0, doc="After how long without a point of a group its barrier comes.")
    period: int = prop(Type.DURATION, default=0, doc="How often a group's barrier comes, points or not.")
    delete: bool = prop(Type.BOOL, default=False, doc="Forget the group with each barrier, here and below.")

    def check(self) -> None:
        if self.idle and self.period:
            raise ValueError("cannot specify both idle and period")
        if self.period == 0 and self.idle <= 0:
            raise ValueError("idle must be greater than zero")
        if self.period <= 0 and self.idle == 0:
            raise ValueError("period must be greater than zero")
        check_interval("idle", self.idle)
        check_interval("period", self.period)

    def reads(self) -> frozenset[str]:
        return frozenset()


class Silence(KeyedState):
    due: IntArray = column(np.int64)  # when its barrier is
    last: IntArray = column(np.int64)  # the time of its last point
    barrier: IntArray = column(np.int64, _NEVER)  # the time of its last barrier
    grouped_by: IntArray = column(np.int64, into="dimensions")
    dimensions: DimensionsTable = numbering(DimensionsTable)


class BarrierNode(KeyedNode):
    """Emits barriers: no point of the group that is older will come any more. Windows and joins below then close.

    With `idle` a barrier comes when a group has been silent that long on the run's clock; its time is that of the
    group's last point plus `idle`, so it goes on with the data's time. With `period` it comes at that interval from the
    group's first point on, and its time is that at which it is due. After a pause of the run's clock, while tickbus was
    down, say, `idle` counts from its end on, and a period begins anew that has been observed from end to end.

    With `delete` the group ends: this node and all below forget it, and if it comes back it begins anew. The setting
    [engine] group-idle-age does the same for all groups of all tasks.
    """

    spec = NodeSpec(
        name="barrier",
        type_name="BarrierNode",
        properties=BarrierProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        late=(
            "points older than their group's last barrier are dropped, on streams and in batches. "
            "Others go on, late or not."
        ),
        late_on=(),
    )

    keeps = Silence
    keyed: Silence
    clocked = True
    properties: BarrierProperties

    def __init__(self, properties: BarrierProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._wait = properties.idle or properties.period
        self._grain = max(self._wait // 64, 1)
        self.keyed = Silence(context.table)

    def frame(self, frame: Frame) -> Sequence[Message]:
        local = self._seen(frame)
        fresh = frame.points.time >= self.keyed.barrier[local]
        self._moved(frame.by_group(), local, frame.points.time, fresh, frame.origin)
        if fresh.all():
            return [frame]
        self._dropped(fresh)
        return [frame.take(np.flatnonzero(fresh))]

    def batches(self, batches: Batches) -> Sequence[Message]:
        members = self._seen(batches)
        time = batches.points.time
        if not len(time):
            return [batches]
        owner = batches.batch_of_points()
        local = members[owner]
        fresh = time >= self.keyed.barrier[local]
        self._moved(group_order(local), local, time, fresh, batches.origin[owner])
        if fresh.all():
            return [batches]
        self._dropped(fresh)
        return [batches.keep(fresh)]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        local = self._seen(barriers)
        kept = barriers.time >= self.keyed.barrier[local]
        if self.properties.idle:
            mine = local[kept]
            self.keyed.last[mine] = self.keyed.barrier[mine] = barriers.time[kept]
            self.keyed.due[mine] = self.context.step.times_of(barriers.origin[kept]) + self._wait
        if barriers.delete:
            self.keyed.forget(barriers.group)
            return [barriers]
        group, time, origin = barriers.group[kept], barriers.time[kept], barriers.origin[kept]
        return [Barriers(group, time, origin, barriers.dimensions)] if len(group) else []

    def next_tick(self) -> int | None:
        """Groups that are due almost together are called together."""
        n = len(self.keyed)
        return -(-int(self.keyed.due[:n].min()) // self._grain) * self._grain if n else None

    def tick(self, now: int) -> Sequence[Message]:
        n = len(self.keyed)
        due = np.flatnonzero(self.keyed.due[:n] <= now)
        if self.properties.idle:
            self.keyed.last[due] += self.properties.idle
            self.keyed.barrier[due] = self.keyed.last[due]
        else:
            self.keyed.barrier[due] = self.keyed.due[due]
        self.keyed.due[due] += self._wait
        group = self.keyed.groups.global_numbers(due)
        time, grouped_by = self.keyed.barrier[due], self.keyed.grouped_by[due]
        delete = self.properties.delete
        out = []
        for lo, hi in runs(grouped_by):
            by, origin = self.keyed.dimensions[int(grouped_by[lo])], np.zeros(hi - lo, dtype=np.int64)
            out.append(Barriers(group[lo:hi], time[lo:hi], origin, by, delete))
        if delete:
            self.keyed.keep(np.setdiff1d(np.arange(n, dtype=np.intp), due))
        return out

    def soonest(self) -> int | None:
        return self._wait

    def resumed(self, now: int) -> None:
        n = len(self.keyed)
        if self.properties.idle:
            self.keyed.due[:n] = now + self._wait
        else:
            # the first of those that would have come which has a whole period behind it
            self.keyed.due[:n] += (-(-(now - self.keyed.due[:n]) // self._wait) + 1) * self._wait
            # where the clock was set back, what comes now is not late by what it said before
            self.keyed.barrier[:n] = np.minimum(self.keyed.barrier[:n], now)

    def _seen(self, message: Frame | Batches | Barriers) -> IntArray:
        known = len(self.keyed)
        local = self.keyed.groups.local(message.group)
        n = len(self.keyed)
        if n > known:
            fresh = np.flatnonzero(local >= known)
            time = self.context.step.times_of(message.origin[fresh[np.unique(local[fresh], return_index=True)[1]]])
            self.keyed.due[known:n], self.keyed.last[known:n] = time + self._wait, time
            self.keyed.grouped_by[known:n] = self.keyed.dimensions.number(message.dimensions)
        return local

    def _dropped(self, fresh: BoolArray) -> None:
        self.context.statistics.count("late_points", int(np.count_nonzero(~fresh)))

    def _moved(self, order: GroupOrder, local: IntArray, time: IntArray, fresh: BoolArray, origin: IntArray) -> None:
        """Points have come: the last that is not too old of each group counts. All int64[n], fresh bool[n]."""
        if not self.properties.idle:
            return
        rows = order.order[fresh[order.order]]
        self.keyed.last[local[rows]] = time[rows]
        self.keyed.due[local[rows]] = self.context.step.times_of(origin[rows]) + self._wait
