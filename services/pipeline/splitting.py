"""By what a task can be split, so that several workers each run it for a share of its groups.

All points that meet anywhere in the graph, in a window, a join, the state of an alert, have to go to one share. So what
decides on a point's share are tags that every such node has its points grouped by, with the values that they were
written with. Nodes say their part of it by `Properties.groups_by`, `alters`, `keeps_groups`, `parts_by` and
`needs_all_groups`.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.pipeline.graph import Graph, GraphNode
from services.pipeline.spec import Edge
from services.pipeline.tag_set import ALL_TAGS, NO_TAGS, TagSet


@dataclass(frozen=True, slots=True)
class Splitting:
    """What a task can be split by; where it cannot be, by no tags, and `node` and `reason` tell what is in the way."""

    by: TagSet = NO_TAGS
    node: str = ""
    reason: str = ""


def splitting(graph: Graph) -> Splitting:
    """By the most tags that it can be. A graph in which nothing is grouped can be by all tags."""
    if graph.edge is not Edge.STREAM:
        return Splitting(node=graph.sources()[0].name, reason="a batch task asks for all groups at once")
    common, grouped, altered = ALL_TAGS, dict[int, TagSet](), dict[int, frozenset[str]]()
    for node in graph.topological():
        properties = node.properties
        if reason := properties.needs_all_groups(node.wants):
            return Splitting(node=node.name, reason=reason)
        incoming = _met([grouped[one.number] for one in node.parents])
        changed = frozenset[str]().union(*(altered[one.number] for one in node.parents))
        if properties.keeps_groups():
            bound = properties.parts_by(incoming.without(changed))
            if not common & bound:
                return Splitting(node=node.name, reason=_reason(node, incoming, changed, bound, common))
            common = common & bound
        own = properties.groups_by()
        grouped[node.number] = incoming if own is None else own
        altered[node.number] = changed | properties.alters()
        # a group that is in one share ends once; elsewhere it ends in each share, which does no harm
        common = (common & grouped[node.number].without(altered[node.number])) or common
    return Splitting(common)


def _met(grouped: list[TagSet]) -> TagSet:
    found = grouped[0] if grouped else NO_TAGS
    for one in grouped[1:]:
        found = found & one
    return found


def _reason(node: GraphNode, incoming: TagSet, changed: frozenset[str], bound: TagSet, common: TagSet) -> str:
    if not incoming:
        return "its points are in no groups" if len(node.parents) < 2 else "its parents have no dimension in common"
    if not incoming.without(changed):
        return f"the tags that it has its points grouped by, {incoming}, are changed on the way"
    if not bound:
        return f"it does not keep the groups by {incoming} apart"
    return f"it keeps points apart by {bound}, a node before it by {common}: no tag is in both"
