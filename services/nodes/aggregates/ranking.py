"""The best values of segments, in a compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import IntArray, Rows
from services.kernels.compiled import compiled

_INTS = "Array(int64, 1, 'A', True)"
_LAST = 2**63 - 1


def best_of(
    values: NDArray[Any], time: IntArray, starts: Rows, keys: IntArray, key_count: int, n: int, largest: bool
) -> tuple[Rows, Rows]:
    """The positions of each segment's n largest (or smallest) values, in order of time, and how many each has.

    values: float64 or int64; NaNs come last. Of equal values the earlier one is better, of those the first to come.
    keys: int64[len(values)], 0 … key_count-1, of the values with one key in a segment only the best takes part; of no
    length where all of them do.
    """
    return first_of(_rank(values, largest), time, starts, keys, key_count, n)


def _rank(values: NDArray[Any], largest: bool) -> IntArray:
    """Ints that rise as values get worse, and are equal where these are."""
    if values.dtype.kind != "f":
        return np.invert(values) if largest else values
    worse = (-values if largest else values) + 0.0  # no -0.0
    bits = worse.view(np.int64)
    rank = np.where(bits < 0, bits ^ _LAST, bits)  # as floats are made up, these are in their order
    rank[np.isnan(worse)] = _LAST
    return rank


@compiled(f"void({_INTS}, {_INTS}, int64[::1], int64[::1], int64, int64)")
def sort_part(first: IntArray, second: IntArray, order: Rows, room: Rows, lo: int, hi: int) -> None:
    """Sort order[lo:hi], positions in `first` and `second`, by these two; equal ones keep their order.

    room: as long as `order`, for the sort to work in.
    """
    width = 1
    while width < hi - lo:
        for begin in range(lo, hi, 2 * width):
            middle, end = min(begin + width, hi), min(begin + 2 * width, hi)
            a, b = begin, middle
            for at in range(begin, end):
                takes = a >= middle
                if a < middle and b < end:
                    one, other = order[a], order[b]
                    takes = first[other] < first[one] or (first[other] == first[one] and second[other] < second[one])
                if takes:
                    room[at] = order[b]
                    b += 1
                else:
                    room[at] = order[a]
                    a += 1
        for at in range(lo, hi):
            order[at] = room[at]
        width *= 2


@compiled(f"Tuple((int64[::1], int64[::1]))({_INTS}, {_INTS}, {_INTS}, {_INTS}, int64, int64)")
def first_of(rank: IntArray, time: IntArray, starts: Rows, keys: IntArray, key_count: int, n: int) -> tuple[Rows, Rows]:
    """As `best_of`, by rank: the lowest is the best."""
    count, segments = len(rank), len(starts)
    order, room = np.arange(count), np.empty(count, np.int64)
    taken = np.full(key_count, -1)  # the last segment that has had a value of each key
    counts = np.zeros(segments, np.int64)
    total = 0
    for k in range(segments):
        lo, hi = starts[k], starts[k + 1] if k + 1 < segments else count
        sort_part(rank, time, order, room, lo, hi)
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
        sort_part(time, time, order, room, begin, total)
    return order[:total].copy(), counts
