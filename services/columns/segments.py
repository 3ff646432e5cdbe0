"""Arithmetic over segments: runs of rows that belong together in one array. Kernels know arrays, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, FloatArray, IntArray, Rows


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


def running_sums(values: NDArray[Any], starts: Rows) -> NDArray[Any]:
    """The sum so far within each segment: array[n] of the values' own type; ints wrap around.

    Floats are added one after another, in order, beginning with 0: the same bits whatever else is in the array.
    `starts` ascend and begin with 0; no segment is empty.
    """
    out = np.empty_like(values)
    steps = _Steps(starts, len(values))
    total = np.zeros(len(starts), dtype=values.dtype)
    while steps.alive > steps.left:
        rows = steps.take()
        so_far = total[: len(rows)]
        so_far += values[rows]
        out[rows] = so_far
    for k, lo, hi in steps.rest():
        sums = out[lo:hi]
        sums[:] = values[lo:hi]
        sums[0] += total[k]
        np.cumsum(sums, out=sums)
    return out


def running_means(values: FloatArray, starts: Rows) -> FloatArray:
    """Each segment's mean, moved by (value - mean) / count from value to value: float64[k]. Segments as above."""
    steps = _Steps(starts, len(values))
    mean = np.zeros(len(starts))
    while steps.alive > _FEW:
        rows = steps.take()
        so_far = mean[: len(rows)]
        so_far += (values[rows] - so_far) / steps.done
    for k, lo, hi in steps.rest():
        one = float(mean[k])
        for count, value in enumerate(values[lo:hi].tolist(), steps.done + 1):
            one += (value - one) / count
        mean[k] = one
    out = np.empty_like(mean)
    out[steps.order] = mean
    return out


_FEW = 50
"""So many values are worked on as fast in a loop as in an array."""


class _Steps:
    """Goes through all segments side by side: the first row of each, then the second of those that have one …

    order: intp[k], segments by length, the longest first; all that is told of segments is in this order. alive: how
    many of them have rows left; left: how many the longest has; done: how many steps have been taken.
    """

    def __init__(self, starts: Rows, n: int) -> None:
        lengths = np.diff(starts, append=n)
        self.order: Rows = np.argsort(-lengths, kind="stable")
        self._starts, self._lengths = starts[self.order], lengths[self.order]
        self._of_length = np.bincount(lengths) if len(lengths) else lengths
        self.alive, self.done = len(starts), 0
        self.left = int(self._lengths[0]) if len(lengths) else 0

    def take(self) -> Rows:
        """The next row of each segment that has one: intp[alive]."""
        rows: Rows = self._starts[: self.alive] + self.done
        self.done += 1
        self.left -= 1
        self.alive -= int(self._of_length[self.done])
        return rows

    def rest(self) -> Iterator[tuple[int, int, int]]:
        """(place in `order`, first row, end) of what is left of each segment."""
        starts, lengths = self._starts[: self.alive].tolist(), self._lengths[: self.alive].tolist()
        for k, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            yield k, start + self.done, start + length


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
    """The array itself where it has `size` rows, else a longer one (at least doubled), `fill` in the new ones."""
    if len(array) >= size:
        return array
    bigger = np.full((max(size, 2 * len(array)), *array.shape[1:]), fill, dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger
