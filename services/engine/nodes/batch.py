"""batch: what the queries of a batch task hang on."""

from __future__ import annotations

from services.engine.node import Node
from services.pipeline.sources import BATCH


class BatchNode(Node):
    """Gives nothing itself: each `query` below it asks InfluxDB on its own schedule."""

    spec = BATCH
