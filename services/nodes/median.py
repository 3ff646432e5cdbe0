"""median: the middle value of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class MedianProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="median", doc=AS_DOC)


class MedianNode(AggregateNode):
    """The middle value, or the mean of the two in the middle; a float."""

    spec = function_spec("median", MedianProperties, __doc__, Edge.STREAM)
    reduce = kernels.median
