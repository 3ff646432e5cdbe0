"""sample: let only some points through: every n-th, or those at round times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.column import IntArray
from services.columns.frame import Batches, Frame, Message
from services.columns.groups.keyed_state import KeyedState, column
from services.columns.segments import rank_in_segment
from services.columns.times import truncate
from services.pipeline.spec import Duration, Edge, NodeSpec, Properties, Type, argument
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode


@dataclass
class SampleProperties(Properties):
    rate: int = argument(Type.RATE, doc="An int: every how manieth point; a duration: what times must be multiples of.")

    def reads(self) -> frozenset[str]:
        return frozenset()


class PointCounts(KeyedState):
    """How many points have come."""

    seen: IntArray = column(np.int64)


class SampleNode(KeyedNode):
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

    keeps = PointCounts
    keyed: PointCounts
    properties: SampleProperties

    def __init__(self, properties: SampleProperties, context: Context) -> None:
        super().__init__(properties, context)
        if not properties.rate:
            raise TaskFailed("invalid sample rate: must be positive integer or duration")
        self._by_time = isinstance(properties.rate, Duration)
        self.keyed = PointCounts(context.table)

    def frame(self, frame: Frame) -> Sequence[Message]:
        local = self.keyed.groups.local(frame.group)
        if self._by_time:
            return [frame.take(self._at_multiples(frame.points.time))]
        order = frame.by_group()
        group = local[order.order[order.starts]]
        lengths = order.ends - order.starts
        count = np.repeat(self.keyed.seen[group], lengths) + rank_in_segment(order.starts, len(frame))
        self.keyed.seen[group] += lengths
        return [frame.take(np.sort(order.order[count % self.properties.rate == 0]))]

    def batches(self, batches: Batches) -> Sequence[Message]:
        self.keyed.groups.local(batches.group)
        kept = np.zeros(len(batches.points), dtype=np.bool_)
        if self._by_time:
            kept[self._at_multiples(batches.points.time)] = True
        else:
            rank = np.arange(len(kept)) - batches.offsets[batches.batch_of_points()]
            kept = rank % self.properties.rate == 0
        return [batches.keep(kept)]

    def _at_multiples(self, time: IntArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        return np.flatnonzero(truncate(time, self.properties.rate) == time)
