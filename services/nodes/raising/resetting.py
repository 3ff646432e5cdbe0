"""The levels of points where conditions have resets: each depends on the level that its group has before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.columns.column import IntArray, Rows
from services.kernels.compiled import compiled

ABSENT, FALSE, TRUE, FAILED = 0, 1, 2, 3
"""What is known of a condition in a row: there is none; it does not hold, holds, cannot be evaluated."""

_INTS = "Array(int64, 1, 'A', True)"


@compiled(f"Tuple((int8[::1], int64[:, ::1]))(int8[:, :, ::1], {_INTS}, {_INTS}, {_INTS}, {_INTS}, int8[::1], bool_)")
def determined(
    known: NDArray[np.int8],
    order: Rows,
    starts: Rows,
    ends: Rows,
    groups: IntArray,
    stands: NDArray[np.int8],
    follows: bool,
) -> tuple[NDArray[np.int8], IntArray]:
    """Each point's level (int8[n]), and how often a condition was looked at where it cannot be evaluated: int64[2, 4].

    known: int8[2, 4, n], of each level's condition, and of its reset, in each row. order, starts, ends, groups: as in
    GroupOrder, by local group. stands: int8 by local group; brought forward here if it `follows` its points.
    """
    levels, failed = np.zeros(known.shape[2], np.int8), np.zeros((2, 4), np.int64)
    for k in range(len(groups)):
        group = groups[k]
        for at in range(starts[k], ends[k]):
            row, current = order[at], stands[group]
            found = -1
            for level in range(3, max(current - 1, 0), -1):
                holds = known[0, level, row]
                failed[0, level] += holds == FAILED
                if holds == TRUE:
                    found = level
                    break
            if found < 0:
                held = known[1, current, row]
                failed[1, current] += held == FAILED
                if held == FALSE:
                    found = current
            if found < 0:
                for level in range(current, 0, -1):
                    holds = known[0, level, row]
                    failed[0, level] += holds == FAILED
                    if holds == TRUE:
                        found = level
                        break
            levels[row] = max(found, 0)
            if follows:
                stands[group] = levels[row]
    return levels, failed
