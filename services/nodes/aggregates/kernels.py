"""The functions themselves, over segments of values: they know arrays and nothing else.

A reduction gives a value for each segment; a selector the position of one of its values, or -1; a choice the positions
of several, segment after segment, and how many each has. They are called with floating point errors ignored.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, IntArray, Kind, Rows
from services.columns.segments import is_first, running_means
from services.nodes.aggregates.ranking import best_of
from services.nodes.aggregates.usable_values import Segments


@dataclass(frozen=True, slots=True)
class Reduced:
    """A value a segment. time: int64[k] where points of their own time gave them, `own` (bool[k]) tells which."""

    kind: Kind
    values: NDArray[Any]
    time: IntArray | None = None
    own: BoolArray | None = None


def count(s: Segments) -> Reduced:
    """How many values."""
    return Reduced(Kind.INT, s.lengths.astype(np.int64))


def sum_(s: Segments) -> Reduced:
    """Their sum, of their own type; floats are added in order of arrival, ints wrap around."""
    return Reduced(s.kind, _total(s))


def mean(s: Segments) -> Reduced:
    """Their average, a float: their sum by their number."""
    return Reduced(Kind.FLOAT, _total(s) / s.lengths)


def median(s: Segments) -> Reduced:
    """The middle value, or the mean of the two in the middle; a float. A single float keeps its time, an int does not,
    as in the reference."""
    values = s.values[_by_value(s)]
    n = s.lengths
    low, high = values[s.starts + (n - 1) // 2], values[s.starts + n // 2]
    middle = np.where(n % 2 == 1, high.astype(np.float64), low.astype(np.float64) + (high - low) / 2)
    return Reduced(Kind.FLOAT, middle, s.time[s.starts], (n == 1) & (values.dtype.kind == "f"))


def mode(s: Segments) -> Reduced:
    """The most frequent value, the smallest where each comes once. A single one keeps its time.

    Of several equally frequent ones, in order of value, each takes over if its first point is not later than the last
    point of the one before.
    """
    order = _by_value(s)
    values, run = s.values[order], s.run_of_value()
    begins = np.flatnonzero(is_first(values) | is_first(run))
    often = np.diff(begins, append=len(values))
    owner = run[begins]
    first_of_owner = np.flatnonzero(is_first(owner))
    most = np.maximum.reduceat(often, first_of_owner)
    tied = np.flatnonzero((often == most[owner]) & (often > 1))
    last_time = np.zeros(len(most), dtype=np.int64)
    chosen = np.full(len(most), -1, dtype=np.intp)
    for candidate in tied.tolist():
        k = owner[candidate]
        begin = begins[candidate]
        if chosen[k] < 0 or s.time[order[begin]] <= last_time[k]:
            chosen[k] = candidate
            last_time[k] = s.time[order[begin + often[candidate] - 1]]
    chosen = np.where(chosen >= 0, chosen, first_of_owner)
    return Reduced(s.kind, values[begins[chosen]], s.time[s.starts], s.lengths == 1)


def spread(s: Segments) -> Reduced:
    """The largest less the smallest, of their own type."""
    width = np.maximum.reduceat(s.values, s.starts) - np.minimum.reduceat(s.values, s.starts)
    return Reduced(s.kind, width + width.dtype.type(0))  # 0.0, never -0.0, where all are zeros of either sign


def stddev(s: Segments) -> Reduced:
    """The sample standard deviation, a float; 0 for one value. NaNs are left out.

    The mean is reckoned value by value, then the squares are added, both in order of arrival, as the reference does.
    """
    values, run = s.values.astype(np.float64), s.run_of_value()
    there = ~np.isnan(values)
    if not there.all():
        values, run = values[there], run[there]
    n = np.bincount(run, minlength=len(s.starts))
    starts = np.flatnonzero(is_first(run))
    average = np.zeros(len(n))
    average[run[starts]] = running_means(values, starts)
    off = values - average[run]
    deviation = np.sqrt(np.bincount(run, off * off, len(n)) / (n - 1))
    return Reduced(Kind.FLOAT, np.where(s.lengths == 1, 0.0, deviation))


def minimum(s: Segments) -> Rows:
    """The smallest value; of several the earliest, then the first to come."""
    return _extreme(s, np.minimum, lambda a, b: bool(a < b))


def maximum(s: Segments) -> Rows:
    """The largest value; of several the earliest, then the first to come."""
    return _extreme(s, np.maximum, lambda a, b: bool(a > b))


def first(s: Segments) -> Rows:
    """The earliest value; of several the largest (of booleans the false one), then the first to come."""
    return _at(s, np.minimum.reduceat(s.time, s.starts), operator.lt if s.kind is Kind.BOOL else operator.gt)


def last(s: Segments) -> Rows:
    """The latest value; of several the largest, then the first to come."""
    return _at(s, np.maximum.reduceat(s.time, s.starts), operator.gt)


def percentile(s: Segments, p: float) -> Rows:
    """The value at the nearest rank; -1 where there are too few."""
    n = s.lengths
    rank = np.floor(n * p / 100.0 + 0.5).astype(np.int64) - 1
    inside = (rank >= 0) & (rank < n)
    position = _by_value(s)[np.where(inside, s.starts + rank, 0)]
    return np.where(inside, position, -1)


def distinct(s: Segments) -> tuple[Rows, Rows]:
    """The first to come of each value, in order of time, then of value."""
    run = s.run_of_value()
    values = np.unique(s.values, return_inverse=True)[1] if s.kind is Kind.STRING else s.values
    order = np.lexsort((values, run))
    new = is_first(values[order]) | is_first(run[order])
    chosen = order[new]
    chosen = chosen[np.lexsort((values[chosen], s.time[chosen], run[chosen]))]
    return chosen, np.bincount(run[chosen], minlength=len(s.starts))


def best(s: Segments, n: int, keys: IntArray | None, *, largest: bool) -> tuple[Rows, Rows]:
    """The n largest (or smallest) values, the earlier of equal ones, in order of time.

    keys: int64[len(values)] from 0 on, or None: of the values with one key only the best takes part.
    """
    by = np.empty(0, dtype=np.int64) if keys is None else keys
    return best_of(s.values, s.time, s.starts, by, int(by.max(initial=-1)) + 1, n, largest)


def _total(s: Segments) -> NDArray[Any]:
    if s.kind is Kind.FLOAT:
        # begins with 0 and adds one after another, where np.add.reduceat adds floats in pairs of pairs
        return np.bincount(s.run_of_value(), s.values)
    return np.add.reduceat(s.values, s.starts)


def _by_value(s: Segments) -> Rows:
    """Positions in order of value within each segment; equal ones in order of arrival."""
    return np.lexsort((s.values, s.run_of_value()))


def _extreme(s: Segments, ufunc: np.ufunc, better: Callable[[Any, Any], bool]) -> Rows:
    found = ufunc.reduceat(s.values, s.starts)
    run = s.run_of_value()
    candidates = np.flatnonzero(s.values == found[run])
    if len(candidates) > len(found):
        owner = run[candidates]
        begins = np.flatnonzero(is_first(owner))
        time = s.time[candidates]
        earliest = np.zeros(len(found), dtype=np.int64)
        earliest[owner[begins]] = np.minimum.reduceat(time, begins)
        candidates = candidates[time == earliest[owner]]
    owner = run[candidates]
    heads = is_first(owner)
    out = np.full(len(found), -1, dtype=np.intp)
    out[owner[heads]] = candidates[heads]
    # NaN is neither smaller nor larger than anything, so that the order of arrival decides
    for k in np.flatnonzero(out < 0).tolist():
        out[k] = _one_by_one(s, k, better)
    return out


def _one_by_one(s: Segments, k: int, better: Callable[[Any, Any], bool]) -> int:
    lo, hi = int(s.starts[k]), int(s.ends[k])
    chosen = lo
    for i in range(lo + 1, hi):
        value, current = s.values[i], s.values[chosen]
        if better(value, current) or (value == current and s.time[i] < s.time[chosen]):
            chosen = i
    return chosen


def _at(s: Segments, time: IntArray, better: Callable[[Any, Any], bool]) -> Rows:
    """The best of each segment's values at its `time`."""
    run = s.run_of_value()
    candidates = np.flatnonzero(s.time == time[run])
    owner = run[candidates]
    heads = np.flatnonzero(is_first(owner))
    out = candidates[heads]
    if len(candidates) > len(out):
        ends = np.append(heads[1:], len(candidates))
        for k in np.flatnonzero(ends - heads > 1).tolist():
            for position in candidates[heads[k] : ends[k]].tolist():
                if better(s.values[position], s.values[out[k]]):
                    out[k] = position
    return out
