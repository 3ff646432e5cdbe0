"""movingAverage: the mean of the last values of a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Kind
from services.columns.segments import rank_in_segment, running_sums
from services.nodes.aggregates.function import AS_DOC, FunctionProperties, function_spec
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
        values, starts, window = segments.values, segments.starts, self.properties.window
        rank = rank_in_segment(starts, len(values))
        begins_with_sum = self._begins_with_sum(segments)
        leaving = np.zeros_like(values)
        gone = np.flatnonzero(rank >= window)
        leaving[gone] = values[gone - window]
        entering = values
        if begins_with_sum.any():
            entering = values.copy()
            carried = np.repeat(begins_with_sum, segments.lengths) & (rank <= window)
            leaving[carried] = 0
            entering[carried & (rank > 0)] = 0
        sums = _carried_on(leaving, entering, starts)
        if segments.kind is Kind.FLOAT and not np.isfinite(sums).all():
            self._reset(segments, begins_with_sum, sums)
        ends = segments.ends
        memory = values.copy()
        overfull = ends - starts > window
        memory[ends[overfull] - window - 1] = sums[ends[overfull] - 1]
        return Transformed(Kind.FLOAT, sums / window, rank >= window - 1, memory)

    def _begins_with_sum(self, segments: Segments) -> BoolArray:
        """Which segments have more than a window carried over: the first value of these is the sum of the others."""
        place = segments.starts + self.properties.window
        there = place < segments.ends
        there[there] = segments.rows[place[there]] < 0
        return there

    def _reset(self, segments: Segments, begins_with_sum: BoolArray, sums: NDArray[Any]) -> None:
        """Bring `sums` right in those segments in which a value is infinite or no number."""
        window = self.properties.window
        strange = np.logical_or.reduceat(~np.isfinite(sums), segments.starts)
        for k in np.flatnonzero(strange).tolist():
            lo, hi = int(segments.starts[k]), int(segments.ends[k])
            first = lo + int(begins_with_sum[k])
            total = float(sums[lo]) if begins_with_sum[k] else 0.0
            for i in range(first + window if begins_with_sum[k] else first, hi):
                if i - window >= first:
                    total -= float(segments.values[i - window])
                total += float(segments.values[i])
                if not np.isfinite(total):
                    total = float(running_sums(segments.values[max(i - window + 1, first) : i + 1], _ONE)[-1])
                sums[i] = total


_ONE = np.zeros(1, dtype=np.intp)


def _carried_on(leaving: NDArray[Any], entering: NDArray[Any], starts: NDArray[np.intp]) -> NDArray[Any]:
    """The sum after each value of which one is taken away before another is added: array[n]."""
    turns = np.empty((len(entering), 2), dtype=entering.dtype)
    np.negative(leaving, out=turns[:, 0])
    turns[:, 1] = entering
    return running_sums(turns.reshape(-1), 2 * starts)[1::2]
