"""The graph that a script describes: nodes with their properties filled in, and who feeds whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from grammar.tickscript.ast import NOWHERE, Position
from services.pipeline.spec import Edge, NodeSpec, Properties


@dataclass(eq=False, slots=True)
class GraphNode:
    """One node. `name` is unique in its graph and numbered in order of creation: `stream0`, `from1`, `window2`."""

    name: str
    number: int
    spec: NodeSpec
    properties: Properties
    provides: Edge
    parents: list[GraphNode] = field(default_factory=list)
    children: list[GraphNode] = field(default_factory=list)
    position: Position = NOWHERE


@dataclass(slots=True)
class Graph:
    """A task's graph; `nodes` in order of creation, so parents may come after children only for join and union."""

    edge: Edge  # STREAM or BATCH: the task's type
    nodes: list[GraphNode]

    def sources(self) -> list[GraphNode]:
        """The nodes without parents."""
        return [n for n in self.nodes if not n.parents]

    def topological(self) -> Iterator[GraphNode]:
        """Every node after all of its parents."""
        seen: set[int] = set()
        waiting = list(self.nodes)
        while waiting:
            rest = []
            for node in waiting:
                if all(p.number in seen for p in node.parents):
                    seen.add(node.number)
                    yield node
                else:
                    rest.append(node)
            waiting = rest
