"""stream: where the points of a task's databases and retention policies come in."""

from __future__ import annotations

from collections.abc import Sequence

from services.columns.frame import Frame, Message
from services.pipeline.compiler.sources import STREAM
from services.runtime.node import Node


class StreamNode(Node):
    """Hands on what comes in: the points that the `from` nodes below it may want."""

    spec = STREAM

    def frame(self, frame: Frame) -> Sequence[Message]:
        return [frame]
