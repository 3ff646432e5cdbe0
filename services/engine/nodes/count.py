"""count: how many points have a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.engine.aggregates import kernels
from services.engine.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.engine.aggregates.usable import ALL
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
