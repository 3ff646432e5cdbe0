"""What the nodes of a task have done, as they count it and as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.pipeline.compiler.sources import BATCH
from services.pipeline.graph import Graph
from services.pipeline.spec import Edge


@dataclass(slots=True)
class NodeStatistics:
    """What one node has done since its task started. A batch counts as 1; emitted counts once for each child."""

    collected: int = 0
    emitted: int = 0
    errors: int = 0
    busy_ns: int = 0
    more: dict[str, int] = field(default_factory=dict)  # what only some nodes count: fields_defaulted …
    trouble: str = ""  # what the task shows as its error though it goes on: why a function was started again

    def count(self, what: str, more: int) -> None:
        """Add to one of those that only some nodes count; it is shown once there is something to count."""
        self.more[what] = self.more.get(what, 0) + more


def statistics_view(graph: Graph, counts: Sequence[tuple[str, NodeStatistics, int]], seconds: float) -> dict[str, Any]:
    """A task's `stats`.

    counts: of each node, in topological order, its name, statistics and cardinality. seconds: how long it has run.
    """
    nodes: dict[str, dict[str, Any]] = {}
    for name, s, cardinality in counts:
        nodes[name] = {
            "avg_exec_time_ns": s.busy_ns // s.collected if s.collected else 0,
            "collected": s.collected,
            "emitted": s.emitted,
            "errors": s.errors,
            "working_cardinality": cardinality,
            **s.more,
        }
    if graph.edge is Edge.BATCH:
        # as in Kapacitor, `batch` has collected what its queries have
        source = next(n for n in graph.sources() if n.spec is BATCH)
        nodes[source.name]["collected"] = sum(nodes[n.name]["collected"] for n in source.children)
    collected: int = nodes[counts[0][0]]["collected"]
    stats: dict[str, Any] = {"task-stats": {"throughput": collected / max(seconds, 1e-9)}, "node-stats": nodes}
    trouble = next((s.trouble for _, s, _ in counts if s.trouble), "")
    return stats | {"error": trouble} if trouble else stats
