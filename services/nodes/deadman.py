"""deadman: an alert for nodes that emit too little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from grammar.golang.durations import format_go_duration
from grammar.tickscript.ast import Binary, Expression, Number, Reference
from schemas.config import Deadman
from services.nodes.alert import AlertProperties
from services.nodes.derivative import DerivativeProperties
from services.nodes.stats import StatsProperties
from services.nodes.stats import build as build_stats
from services.pipeline.composite import Builder, CompositeSpec
from services.pipeline.graph import GraphNode
from services.pipeline.spec import ANYWHERE, Edge, LambdaValue, Properties, Type, argument
from services.runtime.node import Node


@dataclass
class DeadmanProperties(Properties):
    threshold: float = argument(Type.FLOAT, doc="So many points in an interval, or fewer, are too few.")
    interval: int = argument(Type.DURATION, doc="How often to look.")
    expressions: list[LambdaValue] = argument(
        Type.LAMBDA, variadic=True, doc="What else must hold for it to be critical: say, the hour of the day."
    )
    nodes: list[GraphNode] = field(default_factory=list)


def build(texts: Deadman, builder: Builder, parent: GraphNode, properties: DeadmanProperties) -> GraphNode:
    """`|stats(interval).align()|derivative('emitted').unit(interval).nonNegative()|alert()`, the alert's texts set."""
    interval = properties.interval
    stats = build_stats(builder, parent, StatsProperties(interval, align=True, enough=properties.threshold))
    derivative = DerivativeProperties("emitted", as_="emitted", unit=interval, non_negative=True)
    low: Expression = Binary("<=", Reference("emitted"), Number(properties.threshold))
    for expression in properties.expressions:
        low = Binary("AND", low, expression.expression)
    alert = AlertProperties(
        id=texts.id.replace("NODE_NAME", parent.name, 1),
        message=texts.message.replace("INTERVAL", format_go_duration(interval), 1),
        crit=LambdaValue(low),
    )
    return builder.add("alert", (builder.add("derivative", (stats,), derivative),), alert)


class DeadmanNode(Node):
    """Is critical where a node emits `threshold` points in an interval or fewer; groups are told apart.

    It stands for `|stats(interval).align()|derivative('emitted').unit(interval).nonNegative()|alert()` with
    `.crit(lambda: "emitted" <= threshold)`, and takes all that alert takes. A group is watched from its first point on;
    while there is none, a group nil without points is, so that it tells where nothing ever comes. What was not observed
    does not count: after a pause of the run's clock (tickbus was down, say) a whole interval is observed first.
    """

    spec = CompositeSpec(
        name="deadman",
        type_name="AlertNode",
        properties=DeadmanProperties,
        wants=(Edge.NONE,),
        provides=Edge.STREAM,
        doc=__doc__ or "",
        sources=ANYWHERE,
        build=partial(build, Deadman()),
    )


def everywhere(configured: Deadman) -> Callable[[Builder, GraphNode], object] | None:
    """What watches the source of every task, None where the configuration does not want that."""
    if not configured.global_:
        return None

    def watch(builder: Builder, source: GraphNode) -> GraphNode:
        properties = DeadmanProperties(configured.threshold, round(configured.interval * 1e9))
        return build(configured, builder, source, properties)

    return watch


def spec_with(texts: Deadman) -> CompositeSpec:
    """What the node is to scripts where the configuration has these texts."""
    return replace(DeadmanNode.spec, build=partial(build, texts))
