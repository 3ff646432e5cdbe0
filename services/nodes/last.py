"""last: the latest point with a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.columns.column import Rows
from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, SelectorNode, function_spec
from services.nodes.aggregates.usable_values import ALL, Segments
from services.pipeline.spec import Edge, Type, prop


@dataclass
class LastProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="last", doc=AS_DOC)

    def passes(self) -> bool:
        return True


class LastNode(SelectorNode):
    """The latest point; of several the one with the largest value."""

    spec = function_spec("last", LastProperties, __doc__, Edge.STREAM)
    kinds = ALL
    keeps_time = ALL

    def select(self, segments: Segments) -> Rows:
        return kernels.last(segments)
