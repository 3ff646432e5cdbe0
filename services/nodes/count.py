"""count: how many points have a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.nodes.aggregates.usable_values import ALL
from services.pipeline.spec import Edge, Type, prop


@dataclass
class CountProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="count", doc=AS_DOC)


class CountNode(AggregateNode):
    """The number of values, an int; 0 for a batch without any."""

    spec = function_spec("count", CountProperties, __doc__, Edge.STREAM)
    kinds = ALL
    reduce = kernels.count
    of_nothing = 0
