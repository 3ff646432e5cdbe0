"""A handful of nodes, declared as the real ones are, to compile scripts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.expressions.constant import constant
from services.pipeline.column_pruning import references_of
from services.pipeline.composite import Builder, CompositeSpec
from services.pipeline.dimensions import check_dimensions
from services.pipeline.graph import GraphNode
from services.pipeline.registry import Registry
from services.pipeline.spec import (
    ANYWHERE,
    Edge,
    HandlerSpec,
    HandlerUse,
    LambdaValue,
    NodeSpec,
    Properties,
    Type,
    appending,
    argument,
    condition,
    flag,
    prop,
    putting,
    several,
)

BOTH = (Edge.STREAM, Edge.BATCH)


@dataclass
class FromProperties(Properties):
    measurement: str = prop(Type.STRING, default="", doc="Only points of this measurement.")
    where: LambdaValue | None = condition(doc="Only points for which this holds.")
    group_by: list[str] = several(Type.STRING_OR_STAR, doc="Tags to group by.")

    def check(self) -> None:
        check_dimensions(self.group_by)

    def reads(self) -> frozenset[str]:
        return references_of(self.where)


@dataclass
class QueryProperties(Properties):
    query: str = argument(Type.STRING, doc="What to ask.")
    every: int = prop(Type.DURATION, default=0, doc="How often.")
    group_by: list[Any] = several(Type.DIMENSION, doc="Dimensions.")


@dataclass
class WindowProperties(Properties):
    period: int = prop(Type.DURATION, default=0, doc="How long the window is.")
    every: int = prop(Type.DURATION, default=0, doc="How often it is emitted.")
    align: bool = flag(doc="Put the edges on multiples of `every`.")

    def reads(self) -> frozenset[str]:
        return frozenset()


@dataclass
class WhereProperties(Properties):
    condition: LambdaValue = argument(Type.LAMBDA, doc="What must hold.")

    def reads(self) -> frozenset[str]:
        return references_of(self.condition)


@dataclass
class EvalProperties(Properties):
    expressions: list[LambdaValue] = argument(Type.LAMBDA, variadic=True, doc="What to work out.")
    names: list[str] = several(Type.STRING, name="as", doc="What the results are called.")
    kept: list[str] | None = several(Type.STRING, name="keep", doc="Fields to keep.")

    def check(self) -> None:
        if len(self.names) != len(self.expressions):
            raise ValueError(
                "must specify same number of expressions and .as() names: "
                f"got {len(self.names)} as names, and {len(self.expressions)} expressions."
            )

    def reads(self) -> frozenset[str]:
        return references_of(*self.expressions)

    def passes(self) -> bool:
        return bool(self.kept)


@dataclass
class MeanProperties(Properties):
    field: str = argument(Type.STRING, doc="Of which field.")
    as_: str = prop(Type.STRING, default="mean", doc="What the result is called.")

    def reads(self) -> frozenset[str]:
        return frozenset((self.field,))

    def passes(self) -> bool:
        return False


@dataclass
class OutProperties(Properties):
    endpoint: str = argument(Type.STRING, doc="What follows the task's path.")


@dataclass
class DefaultProperties(Properties):
    fields: dict[str, Any] = putting(Type.ANY, name="field", doc="A field and what it is where it is missing.")


@dataclass
class JoinProperties(Properties):
    others: list[GraphNode] = argument(Type.NODE, variadic=True, doc="What to join with.")
    names: list[str] = several(Type.STRING, name="as", doc="Prefixes.")

    def check(self) -> None:
        if len(self.names) != len(self.others) + 1:
            raise ValueError("number of prefixes specified by join.as() must match the number of joined streams")


@dataclass
class UnionProperties(Properties):
    others: list[GraphNode] = argument(Type.NODE, variadic=True, doc="What to unite with.")


@dataclass
class AlertProperties(Properties):
    crit: LambdaValue | None = prop(Type.LAMBDA, doc="When it is critical.")
    state_changes_only: int | None = prop(Type.DURATION, optional=True, doc="Only changes.")
    flapping: tuple[float, float] | None = prop(Type.FLOAT, Type.FLOAT, doc="Low and high.")
    inhibitors: list[tuple[str, ...]] = appending(
        Type.STRING, Type.STRING, variadic=True, name="inhibit", doc="A category and tags."
    )
    handlers: list[HandlerUse] = field(default_factory=list)


@dataclass
class PostProperties(Properties):
    urls: list[str] = argument(Type.STRING, variadic=True, doc="Where to.")
    headers: dict[str, str] = putting(Type.STRING, name="header", doc="A header.")

    def check(self) -> None:
        if "Authenticate" in self.headers:
            raise ValueError("cannot set 'authenticate' header")


@dataclass
class NoProperties(Properties):
    def reads(self) -> frozenset[str]:
        return frozenset()


@dataclass
class StatsProperties(Properties):
    interval: int = argument(Type.DURATION, doc="How often.")
    source: GraphNode | None = None


def _stats(builder: Builder, parent: GraphNode, properties: StatsProperties) -> GraphNode:
    properties.source = parent
    node = builder.add("stats", (), properties)
    if not parent.children:
        builder.add("noOp", [parent], NoProperties())
    return node


def _spec(
    name: str, type_name: str, properties: type[Properties], provides: Edge | None = None, **more: Any
) -> NodeSpec:
    wants: Sequence[Edge] = more.pop("wants", BOTH)
    kind = CompositeSpec if "build" in more else NodeSpec
    return kind(name, type_name, properties, tuple(wants), provides, f"{name}.", **more)


STREAM_ONLY = (Edge.STREAM,)

SPECS = (
    _spec("from", "FromNode", FromProperties, Edge.STREAM, wants=STREAM_ONLY, sources=("stream", "from")),
    _spec("query", "QueryNode", QueryProperties, Edge.BATCH, wants=(Edge.BATCH,), sources=("batch",)),
    _spec("window", "WindowNode", WindowProperties, Edge.BATCH, wants=STREAM_ONLY),
    _spec("where", "WhereNode", WhereProperties),
    _spec("eval", "EvalNode", EvalProperties),
    _spec("mean", "InfluxQLNode", MeanProperties, Edge.STREAM),
    _spec("httpOut", "HTTPOutNode", OutProperties, prefix="http_out"),
    _spec("default", "DefaultNode", DefaultProperties),
    _spec("join", "JoinNode", JoinProperties),
    _spec("union", "UnionNode", UnionProperties, own_parent_last=True),
    _spec("alert", "AlertNode", AlertProperties, takes_handlers=True),
    _spec("log", "LogNode", NoProperties),
    _spec("noOp", "NoOpNode", NoProperties, prefix="noop", hidden=True),
    _spec("influxDBOut", "InfluxDBOutNode", NoProperties, prefix="influxdb_out", leaf=True),
    _spec("stats", "StatsNode", StatsProperties, Edge.STREAM, wants=STREAM_ONLY, sources=ANYWHERE, build=_stats),
)

HANDLERS = (HandlerSpec("post", "AlertHTTPPostHandler", PostProperties, "Posts."),)

REGISTRY = Registry({s.name: s for s in SPECS}, {h.kind: h for h in HANDLERS}, constant)
