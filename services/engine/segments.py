"""Arithmetic over segments: runs of rows that belong together in one array. Kernels know arrays, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.engine.column import BoolArray, IntArray, Rows


def running_max(values: IntArray, starts: Rows) -> IntArray:
    """The largest value so far within each segment; int64[n]. `starts` ascend and begin with 0."""
    n = len(values)
    if n == 0:
        return values
    falls = np.flatnonzero(values[1:] < values[:-1]) + 1
    inner = falls[~np.isin(falls, starts)]
    if not len(inner):
        return values
    # points out of order are rare: only the segments that hold some are gone through again
    out = values.copy()
    ends = np.append(starts[1:], n)
    for s in np.unique(np.searchsorted(starts, inner, side="right") - 1).tolist():
        np.maximum.accumulate(values[starts[s] : ends[s]], out=out[starts[s] : ends[s]])
    return out


def first_at_least(values: NDArray[Any], lo: Rows, hi: Rows, target: NDArray[Any], *, above: bool = False) -> Rows:
    """For each query the first row in lo:hi with values[row] >= target (`above`: >), hi where there is none.

    Within each lo:hi `values` must not fall. A bisection of all queries at once: a joint key for np.searchsorted would
    overflow int64 with many groups.
    """
    lo, hi = lo.copy(), hi.copy()
    while True:
        open_ = np.flatnonzero(lo < hi)
        if not len(open_):
            return lo
        mid = (lo[open_] + hi[open_]) >> 1
        found = values[mid] > target[open_] if above else values[mid] >= target[open_]
        hi[open_] = np.where(found, mid, hi[open_])
        lo[open_] = np.where(found, lo[open_], mid + 1)


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


def grown(array: NDArray[Any], size: int, fill: Any = 0) -> NDArray[Any]:
    """The array itself where it has `size` entries, else a longer one (at least doubled), `fill` in the new ones."""
    if len(array) >= size:
        return array
    bigger = np.full(max(size, 2 * len(array)), fill, dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger
