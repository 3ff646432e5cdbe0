"""cumulativeSum: the sum of a field so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.columns.segments import running_sums
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, function_spec
from services.nodes.aggregates.transform import Transformed, TransformNode
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Type, prop


@dataclass
class CumulativeSumProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="cumulativeSum", doc=AS_DOC)


class CumulativeSumNode(TransformNode):
    """The sum of all values up to and with each point, of their own type."""

    spec = function_spec("cumulativeSum", CumulativeSumProperties, __doc__, None)

    def transform(self, segments: Segments) -> Transformed:
        sums = running_sums(segments.values, segments.starts)
        return Transformed(segments.kind, sums, np.ones(len(sums), dtype=np.bool_), sums)
