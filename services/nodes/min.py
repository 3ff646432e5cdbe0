"""min: the point with the smallest value of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.columns.column import Rows
from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, SelectorNode, function_spec
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Edge, Type, prop


@dataclass
class MinProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="min", doc=AS_DOC)

    def passes(self) -> bool:
        return True


class MinNode(SelectorNode):
    """The point with the smallest value; of several the earliest."""

    spec = function_spec("min", MinProperties, __doc__, Edge.STREAM)

    def select(self, segments: Segments) -> Rows:
        return kernels.minimum(segments)
