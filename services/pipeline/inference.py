"""What a script alone tells of the points that a node gives: what they are grouped by, and what they are called.

Nodes tell their share by `Properties.tags_behind` and `Properties.name_behind`; those with which it depends on the
data, or on something outside, say that they do not know.
"""

from __future__ import annotations

from services.pipeline.graph import GraphNode


def group_tags(node: GraphNode) -> frozenset[str] | None:
    """The tags that a node's points are grouped by; None: not known."""
    return node.properties.tags_behind([group_tags(parent) for parent in node.parents])


def measurement(node: GraphNode) -> str | None:
    """The measurement of all points that a node gives; None: not known, or not one."""
    return node.properties.name_behind([measurement(parent) for parent in node.parents])
