"""movingAverage: the mean of the last values of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.columns.column import Kind
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, function_spec
from services.nodes.aggregates.moving_sums import moving_sums
from services.nodes.aggregates.transform import Transformed, TransformNode
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Type, argument, prop


@dataclass
class MovingAverageProperties(FunctionProperties):
    window: int = argument(Type.INT, doc="Over how many values; at least 1.")
    as_: str = prop(Type.STRING, default="movingAverage", doc=AS_DOC)

    def check(self) -> None:
        if self.window < 1:
            raise ValueError(f"movingAverage window must be greater than 0, got {self.window}")


class MovingAverageNode(TransformNode):
    """The mean of each value and those before it, a float; nothing until there are as many as asked for.

    The sum is carried from value to value: first what leaves the window is taken away, then what enters is added. So
    it keeps what was lost in rounding, as the reference's does; a sum that is no number, or infinite, is begun anew.
    """

    spec = function_spec("movingAverage", MovingAverageProperties, __doc__, None)

    properties: MovingAverageProperties

    def remembers(self) -> int:
        """The window; and before it the sum, where values have left it: else the window's values add up to the sum."""
        return self.properties.window + 1

    def transform(self, segments: Segments) -> Transformed:
        window = self.properties.window
        sums, present, memory = moving_sums(segments.values, segments.rows, segments.starts, window)
        return Transformed(Kind.FLOAT, sums / window, present, memory)
