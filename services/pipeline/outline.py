"""What is shown of a graph: its nodes by name and who feeds whom. Small, and the same for all graphs of one shape."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from services.pipeline.compiler.sources import BATCH
from services.pipeline.graph import Graph
from services.pipeline.spec import Edge

_SHAPES = 4096


class OutlineNode(NamedTuple):
    """One node. children: their places in the outline. head: `batch` itself, which shows in no picture."""

    name: str
    provides: Edge
    children: tuple[int, ...]
    source: bool
    head: bool


class Outline(NamedTuple):
    """A graph; nodes in topological order. inhibitable: alerts of it may be inhibited."""

    edge: Edge
    nodes: tuple[OutlineNode, ...]
    inhibitable: bool


def outline(graph: Graph) -> Outline:
    """The outline of a graph."""
    order = list(graph.topological())
    place = {node.number: i for i, node in enumerate(order)}
    nodes = tuple(
        OutlineNode(
            node.name,
            node.provides,
            tuple(place[child.number] for child in node.children),
            not node.parents,
            node.spec is BATCH,
        )
        for node in order
    )
    inhibitable = any(getattr(node.properties, "category", "") for node in order)
    return shared(Outline(graph.edge, nodes, inhibitable))


@lru_cache(_SHAPES)
def shared(one: Outline) -> Outline:
    """The first of all that are equal: thousands of tasks have a few shapes."""
    return one
