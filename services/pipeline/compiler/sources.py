"""`stream` and `batch`: what every script begins with."""

from __future__ import annotations

from dataclasses import dataclass

from services.pipeline.spec import Edge, NodeSpec, Properties


@dataclass
class SourceProperties(Properties):
    """Sources have none."""

    def reads(self) -> frozenset[str]:
        return frozenset()

    def keeps_groups(self) -> bool:
        return False


STREAM = NodeSpec(
    name="stream",
    type_name="StreamNode",
    properties=SourceProperties,
    wants=(Edge.STREAM,),
    provides=Edge.STREAM,
    doc="The points that are written to the task's databases and retention policies. `|from()` chooses among them.",
    head=True,
)

BATCH = NodeSpec(
    name="batch",
    type_name="BatchNode",
    properties=SourceProperties,
    wants=(Edge.NONE,),
    provides=Edge.BATCH,
    doc="What InfluxDB answers to queries that are asked on a schedule: `|query('…')`, `|queryFlux('…')`.",
    head=True,
)

SOURCES = {Edge.STREAM: STREAM, Edge.BATCH: BATCH}
