"""percentile: the point at a percentile of a field, by nearest rank."""

from __future__ import annotations

from dataclasses import dataclass

from services.columns.column import Kind, Rows
from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, SelectorNode, function_spec
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Edge, Type, argument, prop


@dataclass
class PercentileProperties(FunctionProperties):
    percentile: float = argument(Type.FLOAT, doc="Which percentile, 0.0 to 100.0.")
    as_: str = prop(Type.STRING, default="percentile", doc=AS_DOC)

    def passes(self) -> bool:
        return True


class PercentileNode(SelectorNode):
    """The point whose value has that share of the values below or at it. Too few values for it give nothing."""

    spec = function_spec("percentile", PercentileProperties, __doc__, Edge.STREAM)
    # Kapacitor 1.5.7 gives a selected int the batch's time whatever usePointTimes says
    keeps_time = (Kind.FLOAT,)

    properties: PercentileProperties

    def select(self, segments: Segments) -> Rows:
        return kernels.percentile(segments, self.properties.percentile)
