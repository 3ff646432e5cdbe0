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
    parents: list[GraphNode] = field(default_factory=list, repr=False)
    children: list[GraphNode] = field(default_factory=list, repr=False)
    position: Position = NOWHERE
    wants: Edge = Edge.NONE
    quiet: bool = False  # the script said `.quiet()`: its errors are counted and not logged


@dataclass(slots=True)
class Graph:
    """A task's graph; `nodes` in order of creation, so parents may come after children only for join and union."""

    edge: Edge  # STREAM or BATCH: the task's type
    nodes: list[GraphNode]

    def sources(self) -> list[GraphNode]:
        """The nodes without parents."""
        return [n for n in self.nodes if not n.parents]

    def topological(self) -> Iterator[GraphNode]:
        """Every node after all of its parents; of a node's branches the one that was added last comes first.

        It is the order in which Kapacitor walks a graph, which shows in DOT and in which of several errors is told.
        """
        done: set[int] = set()
        order: list[GraphNode] = []
        for source in reversed(self.sources()):
            stack = [(source, iter(source.children))]
            done.add(source.number)
            while stack:
                node, children = stack[-1]
                for child in children:
                    if child.number not in done:
                        done.add(child.number)
                        stack.append((child, iter(child.children)))
                        break
                else:
                    order.append(node)
                    stack.pop()
        return reversed(order)

    def mismatch(self) -> str | None:
        """Why no task can run this graph, where one node's parents give streams and batches; else None."""
        for node in self.topological():
            for child in node.children:
                if child.wants is not node.provides:
                    return (
                        f"cannot add child mismatched edges: {node.name}:{node.provides.value} -> "
                        f"{child.name}:{child.wants.value}"
                    )
        return None

    def measurements(self) -> frozenset[str] | None:
        """The measurements that the `from` nodes name; None where one of them takes all."""
        names: set[str] = set()
        for source in self.sources() if self.edge is Edge.STREAM else ():
            for child in source.children if source.spec.head else ():
                name = getattr(child.properties, "measurement", None)
                if not name:
                    return None
                names.add(name)
        return frozenset(names)
