"""shift: move points and batches in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.columns.frame import Batches, Frame, Message
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.node import Node


@dataclass
class ShiftProperties(Properties):
    shift: int = argument(Type.DURATION, doc="By how much; backwards if it is negative.")

    def reads(self) -> frozenset[str]:
        return frozenset()

    def keeps_groups(self) -> bool:
        return False


class ShiftNode(Node):
    """Adds a duration to the time of every point, and to that of batches. Barriers stay where they are."""

    spec = NodeSpec(
        name="shift",
        type_name="ShiftNode",
        properties=ShiftProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    properties: ShiftProperties

    def __init__(self, properties: ShiftProperties, context: Context) -> None:
        super().__init__(properties, context)
        if not properties.shift:
            raise TaskFailed("invalid shift value: must be non zero duration")

    def frame(self, frame: Frame) -> Sequence[Message]:
        return [frame.with_points(frame.points.with_time(frame.points.time + self.properties.shift))]

    def batches(self, batches: Batches) -> Sequence[Message]:
        shift, b = self.properties.shift, batches
        points = b.points.with_time(b.points.time + shift)
        return [Batches(points, b.offsets, b.group, b.names, b.tmax + shift, b.dimensions, b.origin)]
