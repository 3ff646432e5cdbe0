"""max: the point with the largest value of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.columns.column import Rows
from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, SelectorNode, function_spec
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Edge, Type, prop


@dataclass
class MaxProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="max", doc=AS_DOC)

    def passes(self) -> bool:
        return True


class MaxNode(SelectorNode):
    """The point with the largest value; of several the earliest."""

    spec = function_spec("max", MaxProperties, __doc__, Edge.STREAM)

    def select(self, segments: Segments) -> Rows:
        return kernels.maximum(segments)
