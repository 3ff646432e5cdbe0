"""Compiled loops of columns and nodes give what plain Python says, bit for bit: NaN, infinities, ints beyond 2^53."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.columns.frame import ranges
from services.columns.groups.ordering import ordered
from services.columns.segments import first_at_least, running_max, running_means, running_sums
from services.columns.times import elapsed, truncate, year_1_past
from services.nodes.aggregates.moving_sums import moving_sums
from services.nodes.aggregates.ranking import best_of
from services.nodes.flattening.spreading import last_of_runs
from services.nodes.raising.deciding import decided
from services.nodes.raising.resetting import ABSENT, FAILED, FALSE, TRUE, determined
from services.nodes.windowing.edges import NOT_ALIGNED, due_by_time
from tests.support.examples import examples

BIG = st.integers(-(2**63), 2**63 - 1)
ODD = st.sampled_from([0.0, -0.0, 1.5, -2.25, 0.1, 1e308, -1e308, math.inf, -math.inf, math.nan])
SEGMENTS = st.lists(st.integers(1, 7), min_size=1, max_size=6)
"""Lengths of segments."""


def _laid_out(lengths: list[int]) -> tuple[int, NDArray[np.int64], list[range]]:
    """How many rows there are, where segments start, and the rows of each."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    return int(ends[-1]), starts, [range(lo, hi) for lo, hi in zip(starts.tolist(), ends.tolist(), strict=True)]


def _same(found: NDArray[Any], wanted: list[Any]) -> None:
    assert found.tobytes() == np.array(wanted, dtype=found.dtype).tobytes()


@examples(200)
@given(st.lists(st.sampled_from([3, 4, 5, 9, 70, 5000, 2**31 - 1]), max_size=30), st.sampled_from([np.int32, np.int64]))
def test_rows_are_put_together_by_group(group: list[int], dtype: Any) -> None:
    order, starts, ends, numbers = ordered(np.array(group, dtype=dtype))
    assert order.tolist() == sorted(range(len(group)), key=group.__getitem__)
    assert numbers.tolist() == sorted(set(group))
    assert [group[i] for i in order[starts].tolist()] == numbers.tolist()
    assert (ends - starts).tolist() == [group.count(n) for n in numbers.tolist()]


@examples(200)
@given(st.data(), SEGMENTS)
def test_segments(data: st.DataObject, lengths: list[int]) -> None:
    n, starts, rows = _laid_out(lengths)
    ints = data.draw(st.lists(BIG, min_size=n, max_size=n))
    floats = data.draw(st.lists(ODD, min_size=n, max_size=n))
    _same(running_max(np.array(ints), starts), [max(ints[r.start : i + 1]) for r in rows for i in r])
    sums, means, totals = [], [], []
    for r in rows:
        total, mean, whole = 0.0, 0.0, 0
        for count, i in enumerate(r, 1):
            total += floats[i]
            mean += (floats[i] - mean) / count
            whole += ints[i]
            sums.append(total)
            totals.append((whole + 2**63) % 2**64 - 2**63)
        means.append(mean)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(running_sums(np.array(floats), starts), sums)
        np.testing.assert_array_equal(running_means(np.array(floats), starts), means)
    _same(running_sums(np.array(ints), starts), totals)
    _same(ranges(starts, np.array(lengths)), list(range(n)))


@examples(200)
@given(st.lists(BIG, max_size=9), BIG, st.booleans())
def test_bisection(values: list[int], target: int, above: bool) -> None:
    rising = sorted(values)
    lo, hi = np.zeros(1, dtype=np.intp), np.full(1, len(values), dtype=np.intp)
    (found,) = first_at_least(np.array(rising, dtype=np.int64), lo, hi, np.array([target]), above=above).tolist()
    assert found == sum(v <= target if above else v < target for v in rising)


@examples(300)
@given(st.data(), SEGMENTS, st.booleans(), st.integers(0, 4))
def test_ranking(data: st.DataObject, lengths: list[int], largest: bool, n: int) -> None:
    count, starts, rows = _laid_out(lengths)
    kind = data.draw(st.sampled_from([st.integers(2**53, 2**53 + 3), ODD]))
    values: list[Any] = data.draw(st.lists(kind, min_size=count, max_size=count))
    time = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    keys = data.draw(st.one_of(st.just([]), st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    found, counts = best_of(np.array(values), np.array(time), starts, np.array(keys, dtype=np.int64), 3, n, largest)
    wanted: list[int] = []
    for r, length in zip(rows, counts.tolist(), strict=True):
        by_value = sorted(r, key=lambda i: (math.isnan(values[i]), 0, time[i]) if math.isnan(values[i]) else (
            False, -values[i] if largest else values[i], time[i]
        ))  # fmt: skip
        chosen: list[int] = []
        for i in by_value:
            if len(chosen) < n and not (keys and keys[i] in [keys[c] for c in chosen]):
                chosen.append(i)
        assert length == len(chosen)
        wanted += sorted(chosen, key=time.__getitem__)
    assert found.tolist() == wanted


@examples(300)
@given(st.data(), SEGMENTS, st.integers(1, 4))
def test_moving_sums(data: st.DataObject, lengths: list[int], window: int) -> None:
    n, starts, rows = _laid_out(lengths)
    values = data.draw(st.lists(ODD, min_size=n, max_size=n))
    sums, whole, memory = moving_sums(np.array(values), np.arange(n), starts, window)
    for r in rows:
        total = 0.0
        for i in r:
            if i - window >= r.start:
                total -= values[i - window]
            total += values[i]
            if not math.isfinite(total):
                total = 0.0
                for value in values[max(i - window + 1, r.start) : i + 1]:
                    total += value
            np.testing.assert_array_equal(sums[i], total)
            assert whole[i] == (i - r.start + 1 >= window)
        if len(r) > window:  # going on from what is carried gives what going through all of it gives
            carried = [*memory[r.stop - window - 1 : r.stop].tolist(), 7.0]
            on = moving_sums(np.array(carried), np.array([-1] * (window + 1) + [0]), np.zeros(1, np.intp), window)
            whole_run = np.array([*values[r.start : r.stop], 7.0])
            through = moving_sums(whole_run, np.arange(len(whole_run)), np.zeros(1, np.intp), window)
            np.testing.assert_array_equal(on[0][-1], through[0][-1])


@examples(200)
@given(st.lists(st.tuples(st.integers(0, 3), ODD, st.booleans()), max_size=12))
def test_the_last_of_a_run_stays(points: list[tuple[int, float, bool]]) -> None:
    run, values, valid = ([p[i] for p in points] for i in range(3))
    last = {of: value for of, value, there in points if there}
    arrays = np.array(values, dtype=np.float64), np.array(valid, dtype=np.bool_), np.arange(len(points))
    found, there = last_of_runs(*arrays, np.array(run, dtype=np.int64), 4)
    assert there.tolist() == [of in last for of in range(4)]
    _same(found, [last.get(of, 0.0) for of in range(4)])


def _by_group(group: list[int]) -> tuple[NDArray[np.int64], ...]:
    order, starts, ends, numbers = ordered(np.array(group, dtype=np.int32))
    return order, starts, ends, numbers.astype(np.int64)


@examples(300)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.one_of(st.integers(-3, 9), BIG)), max_size=14),
    st.booleans(),
    st.sampled_from([0, 2, 2**62]),
)
def test_what_triggers_and_for_how_long_it_has_lasted(
    points: list[tuple[int, int, int]], changes_only: bool, pause: int
) -> None:
    group, level, time = ([p[i] for p in points] for i in range(3))
    state = np.zeros(3, dtype=np.int8), np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    arrays = np.array(level, dtype=np.int8), np.array(time, dtype=np.int64)
    triggered, lasted = decided(*arrays, *_by_group(group), *state, changes_only, pause)
    stands, first, last = [0] * 3, [0] * 3, [0] * 3
    for i, (g, now, at) in enumerate(points):
        before, stands[g] = stands[g], now
        if before == 0 and now:
            first[g] = at
        again = bool(now) and (not changes_only or (pause > 0 and elapsed(at, last[g]) >= pause))
        assert triggered[i] == (now != before or again)
        if triggered[i]:
            last[g] = at
            assert lasted[i] == elapsed(at, first[g])
    assert [state[0].tolist(), state[1].tolist(), state[2].tolist()] == [stands, first, last]


@examples(300)
@given(st.data(), st.lists(st.integers(0, 2), max_size=10), st.booleans())
def test_levels_with_resets(data: st.DataObject, group: list[int], follows: bool) -> None:
    known = np.full((2, 4, len(group)), ABSENT, dtype=np.int8)
    for level in (1, 2, 3):
        for reset in (0, 1):
            if data.draw(st.booleans()):
                codes = st.lists(st.sampled_from([FALSE, TRUE, FAILED]), min_size=len(group), max_size=len(group))
                known[reset, level] = data.draw(codes)
    stands = np.array(data.draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)), dtype=np.int8)
    at = stands.tolist()
    levels, failed = determined(known, *_by_group(group), stands, follows)
    looked: list[tuple[int, int]] = []

    def holds(reset: int, level: int, row: int) -> int:
        code = int(known[reset, level, row])
        if code == FAILED:
            looked.append((reset, level))
        return code

    def of(row: int, current: int) -> int:
        for level in range(3, max(current, 1) - 1, -1):
            if holds(0, level, row) == TRUE:
                return level
        if holds(1, current, row) == FALSE:
            return current
        return next((level for level in range(current, 0, -1) if holds(0, level, row) == TRUE), 0)

    for row, g in enumerate(group):
        wanted = of(row, at[g])
        assert levels[row] == wanted
        if follows:
            at[g] = wanted
    assert stands.tolist() == at
    for reset in (0, 1):
        for level in range(4):
            assert failed[reset, level] == looked.count((reset, level))


@examples(200)
@given(st.data(), SEGMENTS, st.integers(1, 5), st.booleans())
def test_edges(data: st.DataObject, lengths: list[int], every: int, align: bool) -> None:
    n, starts, rows = _laid_out(lengths)
    time = data.draw(st.lists(st.integers(-9, 30), min_size=n, max_size=n))
    following = np.array(data.draw(st.lists(st.integers(-9, 9), min_size=len(rows), max_size=len(rows))), np.int64)
    wanted, coming = [], following.tolist()
    for k, r in enumerate(rows):
        for i in r:
            if time[i] >= coming[k]:
                wanted.append((k, i, coming[k]))
                coming[k] = truncate(time[i] + every, every) if align else time[i] + every
    ends, members = starts + np.array(lengths), np.arange(len(rows))
    aligned = year_1_past(every) if align else NOT_ALIGNED
    found = due_by_time(np.array(time), starts, ends, members, following, every, aligned)
    assert list(zip(*(part.tolist() for part in found), strict=True)) == wanted
    assert following.tolist() == coming
