"""distinct: the values of a field, each once."""

from __future__ import annotations

from dataclasses import dataclass

from services.columns.column import Rows
from services.columns.frame import Points
from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, ChoiceNode, FunctionProperties, function_spec
from services.nodes.aggregates.usable_values import ALL, Segments
from services.pipeline.spec import Edge, Type, prop


@dataclass
class DistinctProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="distinct", doc=AS_DOC)


class DistinctNode(ChoiceNode):
    """A batch of the distinct values, in order of the time of each one's first point."""

    spec = function_spec("distinct", DistinctProperties, __doc__, Edge.BATCH)
    kinds = ALL

    def choose(self, segments: Segments, points: Points) -> tuple[Rows, Rows]:
        return kernels.distinct(segments)
