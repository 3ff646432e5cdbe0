"""elapsed: the time between points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.columns.column import Kind
from services.columns.times import elapsed
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, function_spec
from services.nodes.aggregates.transform import Transformed, TransformNode, after_first
from services.nodes.aggregates.usable_values import ALL, Segments
from services.pipeline.spec import Type, argument, prop


@dataclass
class ElapsedProperties(FunctionProperties):
    unit: int = argument(Type.DURATION, doc="What the time is counted in.")
    as_: str = prop(Type.STRING, default="elapsed", doc=AS_DOC)

    def check(self) -> None:
        if self.unit == 0:
            raise ValueError("elapsed unit must not be zero")


class ElapsedNode(TransformNode):
    """The time since the point before that has the field, in whole units, cut off towards zero: an int."""

    spec = function_spec("elapsed", ElapsedProperties, __doc__, None)
    kinds = ALL

    properties: ElapsedProperties

    def transform(self, segments: Segments) -> Transformed:
        passed = elapsed(segments.time, np.concatenate([segments.time[:1], segments.time[:-1]]))
        whole, rest = np.divmod(passed, self.properties.unit)
        whole += (rest != 0) & (whole < 0)
        return Transformed(Kind.INT, whole, after_first(segments), segments.values)
