"""sample: let only some points through: every n-th, or those at round times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.engine.column import IntArray
from services.engine.frame import Barriers, Batches, Frame, Message
from services.engine.node import Context, Groups, Node, State, TaskFailed
from services.engine.segments import grown, rank_in_segment
from services.engine.times import truncate
from services.pipeline.spec import Duration, Edge, NodeSpec, Properties, Type, argument


@dataclass
class SampleProperties(Properties):
    rate: int = argument(Type.ANY, doc="An int: every how manieth point; a duration: what times must be multiples of.")

    def check(self) -> None:
        if type(self.rate) not in (int, Duration):
            raise ValueError("must pass int64 or duration to new sample node")

    def reads(self) -> frozenset[str]:
        return frozenset()


class SampleNode(Node):
    """Hands on the first point of each group and every n-th after it, or all points whose time is a multiple.

    It counts anew in each batch. Multiples are counted from the year 1.
    """

    spec = NodeSpec(
        name="sample",
        type_name="SampleNode",
        properties=SampleProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    properties: SampleProperties

    def __init__(self, properties: SampleProperties, context: Context) -> None:
        super().__init__(properties, context)
        if not properties.rate:
            raise TaskFailed("invalid sample rate: must be positive integer or duration")
        self._by_time = isinstance(properties.rate, Duration)
        self._groups = Groups(context.table)
        self._seen: IntArray = np.zeros(0, dtype=np.int64)

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        local = self._groups.local(frame.group)
        if self._by_time:
            return [frame.take(self._at_multiples(frame.points.time))]
        self._seen = grown(self._seen, len(self._groups))
        order = frame.by_group()
        group = local[order.order[order.starts]]
        lengths = order.ends - order.starts
        count = np.repeat(self._seen[group], lengths) + rank_in_segment(order.starts, len(frame))
        self._seen[group] += lengths
        return [frame.take(np.sort(order.order[count % self.properties.rate == 0]))]

    def batches(self, batches: Batches) -> Sequence[Message]:
        self._groups.local(batches.group)
        kept = np.zeros(len(batches.points), dtype=np.bool_)
        if self._by_time:
            kept[self._at_multiples(batches.points.time)] = True
        else:
            rank = np.arange(len(kept)) - batches.offsets[batches.batch_of_points()]
            kept = rank % self.properties.rate == 0
        return [batches.keep(kept)]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.told(barriers)
        if left is not None:
            self._seen = grown(self._seen, len(self._groups))[left]
            self._groups.keep(left)
        return [barriers]

    def state(self) -> State:
        return {"groups": self._groups.state(), "seen": grown(self._seen, len(self._groups))[: len(self._groups)]}

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._seen = np.array(state["seen"], dtype=np.int64)

    def _at_multiples(self, time: IntArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        return np.flatnonzero(truncate(time, self.properties.rate) == time)
