"""barrier: tell the nodes below that a group's time has moved on although no points come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.engine.column import BoolArray, IntArray
from services.engine.frame import Barriers, Batches, Frame, GroupOrder, Message, group_order
from services.engine.merging import DimensionsTable, runs
from services.engine.node import Context, Groups, Node, State
from services.engine.segments import grown
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, prop

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

    def reads(self) -> frozenset[str]:
        return frozenset()


class BarrierNode(Node):
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

    clocked = True
    properties: BarrierProperties

    def __init__(self, properties: BarrierProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._wait = properties.idle or properties.period
        self._grain = max(self._wait // 64, 1)
        self._groups = Groups(context.table)
        self._dimensions = DimensionsTable()
        # by local group: when its barrier is due, the time of its last point, that of its last barrier, its dimensions
        self._due: IntArray = np.zeros(0, dtype=np.int64)
        self._last: IntArray = np.zeros(0, dtype=np.int64)
        self._barrier: IntArray = np.zeros(0, dtype=np.int64)
        self._grouped_by: IntArray = np.zeros(0, dtype=np.int64)

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        local = self._seen(frame)
        fresh = frame.points.time >= self._barrier[local]
        self._moved(frame.by_group(), local, frame.points.time, fresh, frame.cause)
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
        fresh = time >= self._barrier[local]
        self._moved(group_order(local), local, time, fresh, batches.cause[owner])
        if fresh.all():
            return [batches]
        self._dropped(fresh)
        return [batches.keep(fresh)]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        local = self._seen(barriers)
        kept = barriers.time >= self._barrier[local]
        if self.properties.idle:
            mine = local[kept]
            self._last[mine] = self._barrier[mine] = barriers.time[kept]
            self._due[mine] = self.context.step.came(barriers.cause[kept]) + self._wait
        if barriers.delete:
            self._forget(self._groups.without(barriers.group))
            return [barriers]
        group, time, cause = barriers.group[kept], barriers.time[kept], barriers.cause[kept]
        return [Barriers(group, time, cause, barriers.dimensions)] if len(group) else []

    def next_tick(self) -> int | None:
        """Groups that are due almost together are called together."""
        n = len(self._groups)
        return -(-int(self._due[:n].min()) // self._grain) * self._grain if n else None

    def tick(self, now: int) -> Sequence[Message]:
        n = len(self._groups)
        due = np.flatnonzero(self._due[:n] <= now)
        if self.properties.idle:
            self._last[due] += self.properties.idle
            self._barrier[due] = self._last[due]
        else:
            self._barrier[due] = self._due[due]
        self._due[due] += self._wait
        group = np.array(self._groups.numbers, dtype=np.int32)[due]
        time, grouped_by = self._barrier[due], self._grouped_by[due]
        delete = self.properties.delete
        out = []
        for lo, hi in runs(grouped_by):
            by, cause = self._dimensions[int(grouped_by[lo])], np.zeros(hi - lo, dtype=np.int64)
            out.append(Barriers(group[lo:hi], time[lo:hi], cause, by, delete))
        if delete:
            self._forget(np.setdiff1d(np.arange(n, dtype=np.intp), due))
        return out

    def soonest(self) -> int | None:
        return self._wait

    def resumed(self, now: int) -> None:
        n = len(self._groups)
        if self.properties.idle:
            self._due[:n] = now + self._wait
        else:
            # the first of those that would have come which has a whole period behind it
            self._due[:n] += np.maximum(-(-(now - self._due[:n]) // self._wait) + 1, 0) * self._wait

    def state(self) -> State:
        n = len(self._groups)
        return {
            "groups": self._groups.state(),
            "due": self._due[:n],
            "last": self._last[:n],
            "barrier": self._barrier[:n],
            "grouped_by": self._grouped_by[:n],
            "dimensions": self._dimensions.state(),
        }

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._due, self._last = np.array(state["due"]), np.array(state["last"])
        self._barrier, self._grouped_by = np.array(state["barrier"]), np.array(state["grouped_by"])
        self._dimensions.restore(state["dimensions"])

    def _seen(self, message: Frame | Batches | Barriers) -> IntArray:
        known = len(self._groups)
        local = self._groups.local(message.group)
        n = len(self._groups)
        if n > known:
            self._due, self._last = grown(self._due, n), grown(self._last, n)
            self._barrier, self._grouped_by = grown(self._barrier, n), grown(self._grouped_by, n)
            fresh = np.flatnonzero(local >= known)
            came = self.context.step.came(message.cause[fresh[np.unique(local[fresh], return_index=True)[1]]])
            self._due[known:n], self._last[known:n] = came + self._wait, came
            self._barrier[known:n] = _NEVER
            self._grouped_by[known:n] = self._dimensions.number(message.dimensions)
        return local

    def _dropped(self, fresh: BoolArray) -> None:
        self.context.statistics.count("late_points", int(np.count_nonzero(~fresh)))

    def _moved(self, order: GroupOrder, local: IntArray, time: IntArray, fresh: BoolArray, cause: IntArray) -> None:
        """Points have come: the last that is not too old of each group counts. All int64[n], fresh bool[n]."""
        if not self.properties.idle:
            return
        rows = order.order[fresh[order.order]]
        self._last[local[rows]] = time[rows]
        self._due[local[rows]] = self.context.step.came(cause[rows]) + self._wait

    def _forget(self, left: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        self._groups.keep(left)
        self._due, self._last = self._due[left], self._last[left]
        self._barrier, self._grouped_by = self._barrier[left], self._grouped_by[left]
