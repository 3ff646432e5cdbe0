"""Sums of the last values of segments, carried from value to value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Rows
from services.kernels.compiled import compiled

_INTS = "Array(int64, 1, 'A', True)"
_SUMS = "Tuple(({0}[::1], bool_[::1], {0}[::1]))(Array({0}, 1, 'A', True), {1}, {1}, int64)"


@compiled(_SUMS.format("float64", _INTS), _SUMS.format("int64", _INTS))
def moving_sums(
    values: NDArray[Any], rows: Rows, starts: Rows, window: int
) -> tuple[NDArray[Any], BoolArray, NDArray[Any]]:
    """The sum of each value and those before it in its segment, of so many in all; array[n] of the values' type.

    First what leaves the window is taken away, then what enters is added; a sum that is infinite or no number is begun
    anew, from the window's values alone. Also which sums have a whole window (bool[n]), and what is to be carried on:
    the values, before the last `window` of a segment the last sum. So where a segment begins with more values carried
    over (rows of -1) than a window has, the first of them is the sum of the others, for which nothing is reckoned.
    """
    sums, whole, memory = np.zeros(len(values), values.dtype), np.zeros(len(values), np.bool_), values.copy()
    for k in range(len(starts)):
        lo, hi = starts[k], starts[k + 1] if k + 1 < len(starts) else len(values)
        first = begin = lo
        total = sums[lo]
        if lo + window < hi and rows[lo + window] < 0:
            total += values[lo]
            first, begin = lo + 1, lo + 1 + window
        for i in range(begin, hi):
            if i - window >= first:
                total -= values[i - window]
            total += values[i]
            if total - total != 0:
                total = sums[i]  # still 0
                for j in range(max(i - window + 1, first), i + 1):
                    total += values[j]
            sums[i], whole[i] = total, i - lo >= window - 1
        if hi - lo > window:
            memory[hi - window - 1] = sums[hi - 1]
    return sums, whole, memory
