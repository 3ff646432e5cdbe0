"""spread: how far the values of a field lie apart."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class SpreadProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="spread", doc=AS_DOC)


class SpreadNode(AggregateNode):
    """The largest value less the smallest."""

    spec = function_spec("spread", SpreadProperties, __doc__, Edge.STREAM)
    reduce = kernels.spread
