"""stream: where the points of a task's databases and retention policies come in."""

from __future__ import annotations

from collections.abc import Sequence

from services.engine.frame import Frame, Message
from services.engine.node import Node
from services.pipeline.sources import STREAM


class StreamNode(Node):
    """Hands on what comes in: the points that the `from` nodes below it may want."""

    spec = STREAM

    def frame(self, frame: Frame) -> Sequence[Message]:
        return [frame]
