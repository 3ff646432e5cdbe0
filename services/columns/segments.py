"""Arithmetic over segments: runs of rows that belong together in one array. Kernels know arrays, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, FloatArray, IntArray, Rows
from services.kernels.compiled import compiled

_INTS = "Array(int64, 1, 'A', True)"
_FLOATS = "Array(float64, 1, 'A', True)"


@compiled(f"int64[::1]({_INTS}, {_INTS})")
def running_max(values: IntArray, starts: Rows) -> IntArray:
    """The largest value so far within each segment; int64[n]. `starts` ascend and begin with 0."""
    out = np.empty(len(values), np.int64)
    for k in range(len(starts)):
        end = starts[k + 1] if k + 1 < len(starts) else len(values)
        for i in range(starts[k], end):
            out[i] = values[i] if i == starts[k] else max(values[i], out[i - 1])
    return out


@compiled(f"float64[::1]({_FLOATS}, {_INTS})", f"int64[::1]({_INTS}, {_INTS})")
def running_sums(values: NDArray[Any], starts: Rows) -> NDArray[Any]:
    """The sum so far within each segment: array[n] of the values' own type; ints wrap around.

    Floats are added one after another, in order, beginning with 0: the same bits whatever else is in the array.
    `starts` ascend and begin with 0; no segment is empty.
    """
    out = np.empty(len(values), values.dtype)
    for k in range(len(starts)):
        end = starts[k + 1] if k + 1 < len(starts) else len(values)
        for i in range(starts[k], end):
            out[i] = (0 if i == starts[k] else out[i - 1]) + values[i]
    return out


@compiled(f"float64[::1]({_FLOATS}, {_INTS})")
def running_means(values: FloatArray, starts: Rows) -> FloatArray:
    """Each segment's mean, moved by (value - mean) / count from value to value: float64[k]. Segments as above."""
    out = np.zeros(len(starts))
    for k in range(len(starts)):
        end = starts[k + 1] if k + 1 < len(starts) else len(values)
        for i in range(starts[k], end):
            out[k] += (values[i] - out[k]) / (i - starts[k] + 1)
    return out


def first_at_least(values: IntArray, lo: Rows, hi: Rows, target: IntArray, *, above: bool = False) -> Rows:
    """For each query the first row in lo:hi with values[row] >= target (`above`: >), hi where there is none.

    Within each lo:hi `values` must not fall.
    """
    return bisected(values, lo, hi, target, above)


@compiled(f"int64[::1]({_INTS}, {_INTS}, {_INTS}, {_INTS}, bool_)")
def bisected(values: IntArray, lo: Rows, hi: Rows, target: IntArray, above: bool) -> Rows:
    """As `first_at_least`."""
    out = np.empty(len(lo), np.int64)
    for k in range(len(lo)):
        begin, end = lo[k], hi[k]
        while begin < end:
            middle = (begin + end) >> 1
            if values[middle] > target[k] or (values[middle] == target[k] and not above):
                end = middle
            else:
                begin = middle + 1
        out[k] = begin
    return out


def rank_in_segment(starts: Rows, n: int) -> Rows:
    """For each of n rows how many rows of its segment stand before it: intp[n]."""
    lengths = np.diff(np.append(starts, n))
    ranks: Rows = np.arange(n, dtype=np.intp) - np.repeat(starts, lengths)
    return ranks


def is_first(ordered: NDArray[Any]) -> BoolArray:
    """Which rows differ from the one before them: bool[n]; the first always does."""
    out = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=out[1:])
    return out


def distinct(numbers: NDArray[Any]) -> tuple[NDArray[Any], Rows]:
    """The numbers that occur, ascending, and for each row which of them it has: intp[n]. One alone is found at once."""
    if len(numbers) == 1:
        return numbers, np.zeros(1, dtype=np.intp)
    return np.unique(numbers, return_inverse=True)


def grown(array: NDArray[Any], size: int, fill: Any = 0) -> NDArray[Any]:
    """The array itself where it has `size` rows, else a longer one (at least doubled), `fill` in the new ones."""
    if len(array) >= size:
        return array
    bigger = np.full((max(size, 2 * len(array)), *array.shape[1:]), fill, dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger
