"""noOp: do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.columns.frame import Batches, Frame, Message
from services.pipeline.spec import Edge, NodeSpec, Properties
from services.runtime.node import Node


@dataclass
class NoOpProperties(Properties):
    """None."""

    def reads(self) -> frozenset[str]:
        return frozenset()

    def keeps_groups(self) -> bool:
        return False


class NoOpNode(Node):
    """Hands everything on unchanged."""

    spec = NodeSpec(
        name="noOp",
        type_name="NoOpNode",
        properties=NoOpProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        prefix="noop",
        hidden=True,
        doc=__doc__ or "",
    )

    def frame(self, frame: Frame) -> Sequence[Message]:
        return [frame]

    def batches(self, batches: Batches) -> Sequence[Message]:
        return [batches]
