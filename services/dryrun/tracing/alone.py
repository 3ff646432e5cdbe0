"""Whether the groups of some tags can go through a task alone: all that becomes of them is what it is beside others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from services.expressions.program import program_of
from services.nodes.aggregates.function import FunctionNode
from services.nodes.aggregates.transform import TransformNode
from services.pipeline.graph import GraphNode
from services.pipeline.spec import STAR, Edge, LambdaValue, Properties
from services.runtime.grouping_node import GroupingNode
from services.runtime.node import Node
from services.runtime.task import TaskRun

# Nodes that look at one point after the other, whatever group it is of; and those that keep something of each group.
_OF_POINTS = frozenset(("stream", "from", "groupBy", "log"))
_OF_GROUPS = frozenset(
    (
        "alert",
        "changeDetect",
        "derivative",
        "eval",
        "httpOut",
        "sample",
        "shift",
        "stateCount",
        "stateDuration",
        "where",
        "window",
    )
)
_REMEMBER_ALL = frozenset(("from", "alert"))  # in which what conditions remember is of all groups


def goes_alone(run: TaskRun, tags: Collection[str]) -> bool:
    """Whether points that have some values of these tags go through without those that have others.

    So it is where nothing waits for a clock or for something outside, and whatever keeps something keeps it of groups
    that are told apart by the tags. Where that is not known it is not so.
    """
    if run.timed or run.inhibits or run.graph.edge is not Edge.STREAM:
        return False
    apart: dict[int, bool] = {}
    for node, live in run.nodes():
        before = bool(node.parents) and all(apart[parent.number] for parent in node.parents)
        if len(node.parents) > 1 or not _is_by_group(node, live, before):
            return False
        apart[node.number] = _tells_apart(node, before, frozenset(tags))
    return True


def _is_by_group(node: GraphNode, live: Node, apart: bool) -> bool:
    name = node.spec.name
    if name in _REMEMBER_ALL and any(program_of(one.expression).stateful for one in _lambdas(node.properties)):
        return False
    if name in _OF_POINTS:
        return all(parent.provides is Edge.STREAM for parent in node.parents)
    if isinstance(live, GroupingNode) and live.makes_groups():
        return False  # of other tags
    return apart and (name in _OF_GROUPS or isinstance(live, FunctionNode | TransformNode))


def _tells_apart(node: GraphNode, before: bool, tags: frozenset[str]) -> bool:
    """Whether points behind a node are grouped by the tags."""
    if node.spec.name == "from":
        grouped: Collection[str] = node.properties.group_by  # type: ignore[attr-defined]
        return STAR in grouped or tags <= set(grouped)
    if node.spec.name == "groupBy":
        grouped, excluded = node.properties.tags, node.properties.excluded()  # type: ignore[attr-defined]
        return tags.isdisjoint(excluded) if STAR in grouped else tags <= set(grouped)
    return before


def _lambdas(value: Any) -> Iterator[LambdaValue]:
    """All lambdas among the properties of a node."""
    if isinstance(value, LambdaValue):
        yield value
    elif isinstance(value, Properties):
        yield from (one for part in vars(value).values() for one in _lambdas(part))
    elif isinstance(value, list | tuple):
        yield from (one for part in value for one in _lambdas(part))
