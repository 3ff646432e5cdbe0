"""How far back a script looks: so much of the log it has to have read before what it does can be counted."""

from __future__ import annotations

from services.pipeline.graph import Graph

_LOOKS_BACK = {"window": ("period", "every"), "stats": ("interval",), "barrier": ("idle", "period")}
"""By the kind of node the properties, ns, that say how much time has passed before it is as if it had run for long."""


def looks_back(graph: Graph) -> int:
    """For how long (ns) points count for what comes behind them: along the path on which the most comes together.

    0 where no window, deadman or barrier is in it. What is counted in points, and what has no end (cumulativeSum, the
    level of an alert), says nothing of it.
    """
    longest: dict[int, int] = {}
    for node in graph.topological():
        names = _LOOKS_BACK.get(node.spec.name, ())
        own = sum(int(getattr(node.properties, name)) for name in names)
        longest[node.number] = own + max((longest[parent.number] for parent in node.parents), default=0)
    return max(longest.values(), default=0)
