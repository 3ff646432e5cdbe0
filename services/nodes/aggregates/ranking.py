"""The best values of segments, in a compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import IntArray, Rows
from services.kernels.compiled import compiled

_INTS = "Array(int64, 1, 'A', True)"
_SORT = "void(Array({0}, 1, 'A', True), {1}, bool_, bool_, int64[::1], int64[::1], int64, int64)"
_BEST = "Tuple((int64[::1], int64[::1]))(Array({0}, 1, 'A', True), {1}, {1}, {1}, int64, int64, bool_)"


@compiled(*(_SORT.format(kind, _INTS) for kind in ("float64", "int64")))
def sort_part(
    values: NDArray[Any], time: IntArray, largest: bool, by_value: bool, order: Rows, room: Rows, lo: int, hi: int
) -> None:
    """Sort order[lo:hi], positions of values: by value, the best first and NaNs last, then by time; or by time alone.

    Equal ones keep their order. room: as long as `order`, for the sort to work in.
    """
    width = 1
    while width < hi - lo:
        for begin in range(lo, hi, 2 * width):
            middle, end = min(begin + width, hi), min(begin + 2 * width, hi)
            a, b = begin, middle
            for at in range(begin, end):
                takes = a >= middle
                if a < middle and b < end:
                    first, second = order[a], order[b]
                    one, other = values[first], values[second]
                    if by_value and one == one and other == other and one != other:
                        takes = other > one if largest else other < one
                    elif by_value and (one == one) != (other == other):
                        takes = other == other
                    else:
                        takes = time[second] < time[first]
                if takes:
                    room[at] = order[b]
                    b += 1
                else:
                    room[at] = order[a]
                    a += 1
        order[lo:hi] = room[lo:hi]
        width *= 2


@compiled(*(_BEST.format(kind, _INTS) for kind in ("float64", "int64")))
def best_of(
    values: NDArray[Any], time: IntArray, starts: Rows, keys: IntArray, key_count: int, n: int, largest: bool
) -> tuple[Rows, Rows]:
    """The positions of each segment's n largest (or smallest) values, in order of time, and how many each has.

    Of equal values the earlier one is better, of those the first to come. keys: int64[len(values)], 0 … key_count-1,
    of the values with one key in a segment only the best takes part; of no length where all of them do.
    """
    count, segments = len(values), len(starts)
    order, room = np.arange(count), np.empty(count, np.int64)
    taken = np.full(key_count, -1)  # the last segment that has had a value of each key
    counts = np.zeros(segments, np.int64)
    total = 0
    for k in range(segments):
        lo, hi = starts[k], starts[k + 1] if k + 1 < segments else count
        sort_part(values, time, largest, True, order, room, lo, hi)
        begin = total
        for at in range(lo, hi):
            if total - begin >= n:
                break
            position = order[at]
            if len(keys):
                if taken[keys[position]] == k:
                    continue
                taken[keys[position]] = k
            order[total] = position
            total += 1
        counts[k] = total - begin
        sort_part(values, time, largest, False, order, room, begin, total)
    return order[:total].copy(), counts
