"""What a script, and a sample where there is one, tell of what flows behind each node."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from services.expressions.typed.types import ValueType
from services.linting.sample import Measurement, Sample
from services.nodes.from_ import FromProperties
from services.nodes.group_by import GroupByProperties
from services.nodes.query import QueryProperties
from services.nodes.query_flux import QueryFluxProperties
from services.nodes.stats import StatsProperties
from services.nodes.window import WindowProperties
from services.pipeline.graph import Graph, GraphNode
from services.pipeline.spec import LambdaValue, TimeDimension

Types = dict[str, set[ValueType]]

# They hand on the fields of their points as they are.
_KEEP_FIELDS = frozenset(
    ("where", "groupBy", "window", "log", "sample", "shift", "barrier", "alert", "httpOut", "trickle")
)


@dataclass(frozen=True, slots=True)
class Behind:
    """What is known of what a node gives.

    tags: that its points are grouped by, None: not known. grouped: whether there may be several groups. name: the
    measurement, None: not known. interval: between points of a series, or batches of a group, ns; None: not known.
    measured: what the sample has of points whose fields are as they were written; None: not known.
    """

    tags: frozenset[str] | None = None
    grouped: bool = False
    name: str | None = None
    interval: int | None = None
    measured: Measurement | None = None


Flow = dict[int, Behind]
"""By the node's number."""


def flow(graph: Graph, sample: Sample | None = None, interval: int | None = None) -> Flow:
    """What is known behind each node; interval: how often points of a series are written, where no sample tells it."""
    nodes = {node.number: node for node in graph.nodes}
    order = TopologicalSorter({node.number: [one.number for one in before(node)] for node in graph.nodes})
    found: Flow = {}
    for number in order.static_order():
        node = nodes[number]
        found[number] = _behind(node, [found[one.number] for one in before(node)], sample, interval)
    return found


def before(node: GraphNode) -> Sequence[GraphNode]:
    """The nodes that a node's points come of: its parents, or the node that it watches."""
    watched = watched_by(node)
    return node.parents if watched is None else [watched]


def watched_by(node: GraphNode) -> GraphNode | None:
    """The node whose points a `stats` counts; None for other nodes."""
    return node.properties.source if isinstance(node.properties, StatsProperties) else None


def lambdas_of(node: GraphNode) -> Iterator[LambdaValue]:
    """The lambdas of a node's own properties."""
    for one in dataclasses.fields(node.properties):
        value = getattr(node.properties, one.name)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, LambdaValue):
                yield part


def measured_at(node: GraphNode, known: Flow) -> Measurement | None:
    """What the sample has of the points that a node's lambdas see; None: not known."""
    if isinstance(node.properties, FromProperties):
        return known[node.number].measured
    found = [known[parent.number].measured for parent in node.parents]
    return found[0] if len(found) == 1 else None


def _behind(node: GraphNode, parents: Sequence[Behind], sample: Sample | None, interval: int | None) -> Behind:
    properties: Any = node.properties
    name = properties.name_behind([one.name for one in parents])
    measured = _measured(node, parents, sample)
    return Behind(
        properties.tags_behind([one.tags for one in parents]),
        _grouped(node, parents),
        name,
        _interval(node, parents, measured, interval),
        measured,
    )


def _measured(node: GraphNode, parents: Sequence[Behind], sample: Sample | None) -> Measurement | None:
    if isinstance(node.properties, FromProperties):
        if node.properties.measurement and sample is not None:
            return sample.measurements.get(node.properties.measurement)
        return parents[0].measured
    return parents[0].measured if node.spec.name in _KEEP_FIELDS and len(parents) == 1 else None


def _grouped(node: GraphNode, parents: Sequence[Behind]) -> bool:
    properties = node.properties
    if isinstance(properties, FromProperties):
        return bool(properties.group_by)
    if isinstance(properties, GroupByProperties):
        return bool(properties.tags)
    if isinstance(properties, QueryProperties):
        return any(not isinstance(one, TimeDimension) for one in properties.group_by)
    return any(one.grouped for one in parents)


def _interval(
    node: GraphNode, parents: Sequence[Behind], measured: Measurement | None, interval: int | None
) -> int | None:
    properties = node.properties
    if isinstance(properties, FromProperties):
        written = measured.interval if measured is not None else None
        return written if written is not None else interval
    if isinstance(properties, WindowProperties | QueryProperties | QueryFluxProperties):
        return properties.every or None
    if isinstance(properties, StatsProperties):
        return properties.interval
    known = [one.interval for one in parents if one.interval is not None]
    return max(known) if known and len(known) == len(parents) else None
