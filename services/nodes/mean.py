"""mean: the average of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class MeanProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="mean", doc=AS_DOC)


class MeanNode(AggregateNode):
    """The arithmetic mean, a float."""

    spec = function_spec("mean", MeanProperties, __doc__, Edge.STREAM)
    reduce = kernels.mean
