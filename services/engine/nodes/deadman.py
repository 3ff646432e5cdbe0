"""deadman: an alert for nodes that emit too little."""

from __future__ import annotations

from dataclasses import dataclass, field

from grammar.tickscript.ast import Binary, Expression, Number, Reference
from grammar.tickscript.literals import go_duration
from services.engine.node import Node
from services.engine.nodes.alert import AlertProperties
from services.engine.nodes.derivative import DerivativeProperties
from services.engine.nodes.stats import StatsProperties
from services.engine.nodes.stats import build as build_stats
from services.pipeline.graph import GraphNode
from services.pipeline.spec import ANYWHERE, Builder, Edge, LambdaValue, NodeSpec, Properties, Type, argument

_ID = "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'"
_MESSAGE = (
    '{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: '
    '{{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.'
)


@dataclass
class DeadmanProperties(Properties):
    threshold: float = argument(Type.FLOAT, doc="So many points in an interval, or fewer, are too few.")
    interval: int = argument(Type.DURATION, doc="How often to look.")
    expressions: list[LambdaValue] = argument(
        Type.LAMBDA, variadic=True, doc="What else must hold for it to be critical: say, the hour of the day."
    )
    nodes: list[GraphNode] = field(default_factory=list)


def build(builder: Builder, parent: GraphNode, properties: DeadmanProperties) -> GraphNode:
    """`|stats(interval).align()|derivative('emitted').unit(interval).nonNegative()|alert()`, the alert's texts set."""
    interval = properties.interval
    stats = build_stats(builder, parent, StatsProperties(interval, align=True, enough=properties.threshold))
    derivative = DerivativeProperties("emitted", as_="emitted", unit=interval, non_negative=True)
    low: Expression = Binary("<=", Reference("emitted"), Number(properties.threshold))
    for expression in properties.expressions:
        low = Binary("AND", low, expression.expression)
    alert = AlertProperties(
        id=_ID.replace("NODE_NAME", parent.name, 1),
        message=_MESSAGE.replace("INTERVAL", go_duration(interval), 1),
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

    spec = NodeSpec(
        name="deadman",
        type_name="AlertNode",
        properties=DeadmanProperties,
        wants=(Edge.NONE,),
        provides=Edge.STREAM,
        doc=__doc__ or "",
        sources=ANYWHERE,
        build=build,
    )
