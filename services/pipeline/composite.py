"""Nodes that are made of others: stats and deadman."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.pipeline.graph import GraphNode
from services.pipeline.spec import NodeSpec, Properties


class Builder(Protocol):
    """What a node that is made of others builds them with."""

    def add(self, name: str, parents: Sequence[GraphNode], properties: Properties) -> GraphNode:
        """A new node of the kind `name`; without parents it is a source. Hidden kinds may be used too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSpec(NodeSpec):
    """What such a node is to a script.

    build: makes the node and what it is made of: (builder, the node it hangs on, its properties with the arguments
    filled in) -> the node that the chain goes on with.
    """

    build: Callable[[Builder, GraphNode, Any], GraphNode]
