"""distinct: the values of a field, each once."""

from __future__ import annotations

from dataclasses import dataclass

from services.engine.aggregates import kernels
from services.engine.aggregates.function import AS_DOC, ChoiceNode, FunctionProperties, function_spec
from services.engine.aggregates.usable import ALL, Segments
from services.engine.column import Rows
from services.engine.frame import Points
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
