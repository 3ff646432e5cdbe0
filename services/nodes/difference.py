"""difference: how much a field changes from point to point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.columns.segments import is_first
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, function_spec
from services.nodes.aggregates.transform import Transformed, TransformNode, after_first
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Type, prop


@dataclass
class DifferenceProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="difference", doc=AS_DOC)


class DifferenceNode(TransformNode):
    """Each value less the one before. Of several points of one time that follow each other only the first counts.

    Points without a usable value give nothing here.
    """

    spec = function_spec("difference", DifferenceProperties, __doc__, None)
    repeats = False

    def resumed(self, now: int) -> None:
        """What comes next has none before it."""
        self._carried.clear()

    def transform(self, segments: Segments) -> Transformed:
        counts = is_first(segments.time)
        counts[segments.starts] = True
        chosen = np.flatnonzero(counts)
        values = np.zeros_like(segments.values)
        values[chosen[1:]] = segments.values[chosen[1:]] - segments.values[chosen[:-1]]
        return Transformed(segments.kind, values, counts & after_first(segments), segments.values, counts)
