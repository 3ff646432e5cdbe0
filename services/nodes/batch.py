"""batch: what the queries of a batch task hang on."""

from __future__ import annotations

from services.pipeline.compiler.sources import BATCH
from services.runtime.node import Node


class BatchNode(Node):
    """Gives nothing itself: each `query` below it asks InfluxDB on its own schedule."""

    spec = BATCH
