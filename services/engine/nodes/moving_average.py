"""movingAverage: the mean of the last values of a field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.engine.aggregates.function import AS_DOC, FunctionProperties, function_spec
from services.engine.aggregates.transform import Transformed, TransformNode
from services.engine.aggregates.usable import Segments
from services.engine.column import Kind
from services.engine.segments import rank_in_segment
from services.pipeline.spec import Type, argument, prop

_AT_ONCE = 1 << 20  # values that are gathered at a time


@dataclass
class MovingAverageProperties(FunctionProperties):
    window: int = argument(Type.INT, doc="Over how many values; at least 1.")
    as_: str = prop(Type.STRING, default="movingAverage", doc=AS_DOC)

    def check(self) -> None:
        if self.window < 1:
            raise ValueError(f"movingAverage window must be greater than 0, got {self.window}")


class MovingAverageNode(TransformNode):
    """The mean of each value and those before it, a float; nothing until there are as many as asked for."""

    spec = function_spec("movingAverage", MovingAverageProperties, __doc__, None)

    properties: MovingAverageProperties

    def remembers(self) -> int:
        return self.properties.window - 1

    def transform(self, segments: Segments) -> Transformed:
        n, window = len(segments.values), self.properties.window
        present = rank_in_segment(segments.starts, n) >= window - 1
        out = np.zeros(n)
        rows = np.flatnonzero(present)
        back = np.arange(1 - window, 1)
        step = max(_AT_ONCE // window, 1)
        for at in range(0, len(rows), step):
            some = rows[at : at + step]
            # summed along rows that lie one after another in memory: the same order of additions for each value
            out[some] = np.ascontiguousarray(segments.values[some[:, None] + back]).sum(axis=1) / window
        return Transformed(Kind.FLOAT, out, present, segments.values)
