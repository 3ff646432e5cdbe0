"""sum: the sum of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class SumProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="sum", doc=AS_DOC)


class SumNode(AggregateNode):
    """The sum, an int or a float as the values are; 0 for a batch without any."""

    spec = function_spec("sum", SumProperties, __doc__, Edge.STREAM)
    reduce = kernels.sum_
    of_nothing = 0.0
