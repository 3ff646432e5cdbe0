"""A task's statistics as the API shows them: with what Kapacitor counts, and nothing else.

What tickbus counts besides stands in /metrics and /debug/vars: who compares statistics is not to see keys that they
do not know.
"""

from __future__ import annotations

from typing import Any

Stats = dict[str, Any]

OURS = frozenset({"late_points"})
"""The counts of nodes that Kapacitor does not have."""


def public_stats(stats: Stats) -> Stats:
    """Task statistics (schemas.requests.engine.StatsSchema) without our own counts; {} stays {}."""
    if "node-stats" not in stats:
        return stats
    nodes = {
        node: {name: value for name, value in counts.items() if name not in OURS}
        for node, counts in stats["node-stats"].items()
    }
    return stats | {"node-stats": nodes}
