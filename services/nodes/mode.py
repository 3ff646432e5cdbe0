"""mode: the most frequent value of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class ModeProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="mode", doc=AS_DOC)


class ModeNode(AggregateNode):
    """The most frequent value; the smallest where each comes once."""

    spec = function_spec("mode", ModeProperties, __doc__, Edge.STREAM)
    reduce = kernels.mode
