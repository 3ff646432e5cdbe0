"""Which fields of the points that come to a node can matter to it or below it.

A window that feeds only `mean('usage_idle')` need keep only that column. Nodes tell their share by `Properties.reads`,
`Properties.passes` and `Properties.sources_of`; a node that tells nothing needs everything.
"""

from __future__ import annotations

from grammar.tickscript.ast import Reference, walk
from services.pipeline.graph import Graph
from services.pipeline.spec import LambdaValue


def needed_fields(graph: Graph) -> dict[str, frozenset[str] | None]:
    """For each node, by name: the fields of its incoming points that can matter here or below; None: all of them."""
    found: dict[str, frozenset[str] | None] = {}
    for node in reversed(list(graph.topological())):
        wanted = node.properties.reads()
        if wanted is not None and node.properties.passes():
            for child in node.children:
                below = found[child.name]
                if below is None:
                    wanted = None
                    break
                wanted |= node.properties.sources_of(below)
        found[node.name] = wanted
    return found


def references_of(*lambdas: LambdaValue | None) -> frozenset[str]:
    """The names in double quotes in some lambdas: fields or tags, which only the data can tell apart."""
    return frozenset(n.name for x in lambdas if x is not None for n in walk(x.expression) if isinstance(n, Reference))
