"""Floats are added one after another, in order: the same bits as a plain loop, whatever lies beside them."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.column import Kind
from services.columns.segments import running_means, running_sums
from services.nodes.aggregates import kernels
from services.nodes.aggregates.usable_values import Segments
from tests.support.examples import examples
from tests.support.graph import Point, ScriptRun

FINITE = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e16, -1e16, 0.0, -0.0, 99.9]), st.floats(-1e12, 1e12, allow_subnormal=False)
)
SEGMENTS = st.lists(st.lists(FINITE, min_size=1, max_size=80), min_size=1, max_size=8)
MANY = st.integers(51, 120).flatmap(
    lambda n: st.lists(FINITE, min_size=n, max_size=3 * n).map(lambda v: [v[i::n] for i in range(n)])
)


def bits(values: Sequence[float]) -> list[bytes]:
    """Floats as they lie in memory: 0.0 is not -0.0."""
    return [struct.pack("d", value) for value in values]


def laid_out(parts: list[list[float]]) -> Segments:
    values = np.array([v for part in parts for v in part])
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])[:-1]]).astype(np.intp)
    n = len(values)
    return Segments(Kind.FLOAT, values, np.arange(n), np.arange(n), starts, np.arange(len(parts)))


def sums(values: list[float]) -> list[float]:
    total, out = 0.0, []
    for value in values:
        total += value
        out.append(total)
    return out


def mean(values: list[float]) -> float:
    so_far = 0.0
    for count, value in enumerate(values, 1):
        so_far += (value - so_far) / count
    return so_far


def deviation(values: list[float]) -> float:
    if len(values) == 1:
        return 0.0
    average, squares = mean(values), 0.0
    for value in values:
        squares += (value - average) * (value - average)
    return math.sqrt(squares / (len(values) - 1))


def moving(values: list[float], window: int) -> list[float]:
    total, out = 0.0, []
    for i, value in enumerate(values):
        if i >= window:
            total -= values[i - window]
        total += value
        if i >= window - 1:
            out.append(total / window)
    return out


@examples(200)
@given(st.one_of(SEGMENTS, MANY))
def test_sums_and_means_are_those_of_a_loop(parts: list[list[float]]) -> None:
    s = laid_out(parts)
    assert bits(running_sums(s.values, s.starts)) == bits([total for part in parts for total in sums(part)])
    assert bits(running_means(s.values, s.starts)) == bits([mean(part) for part in parts])
    assert bits(kernels.sum_(s).values) == bits([sums(part)[-1] for part in parts])
    assert bits(kernels.mean(s).values) == bits([sums(part)[-1] / len(part) for part in parts])
    with np.errstate(all="ignore"):
        assert bits(kernels.stddev(s).values) == bits([deviation(part) for part in parts])


@examples(50)
@given(st.lists(FINITE, min_size=1, max_size=40), st.integers(1, 9), st.data())
def test_a_moving_average_carries_its_sum_through_frames_and_restarts(
    values: list[float], window: int, data: st.DataObject
) -> None:
    run = ScriptRun(f"stream|from()|movingAverage('v', {window})")
    begin = 0
    while begin < len(values):
        end = data.draw(st.integers(begin + 1, len(values)))
        run.write("\n".join(f"m v={values[i]!r} {i}" for i in range(begin, end)))
        if data.draw(st.booleans()):
            run.restart()
        begin = end
    found = [given.fields["movingAverage"] for given in run.last("movingAverage") if isinstance(given, Point)]
    assert bits(found) == bits(moving(values, window))


@examples(30)
@given(st.lists(st.sampled_from(["0.0", "1.0", "0.1", "-1.0"]), min_size=8, max_size=30), st.integers(1, 4))
def test_a_moving_average_outlives_what_is_no_number(divisors: list[str], window: int) -> None:
    run = ScriptRun(f"""stream|from()|eval(lambda: 1.0 / "d").as('v')|movingAverage('v', {window})""")
    for i, divisor in enumerate(divisors):
        run.write(f"m d={divisor} {i}")
    found = [given.fields["movingAverage"] for given in run.last("movingAverage") if isinstance(given, Point)]
    values = [1.0 / float(d) if float(d) else math.inf for d in divisors]
    for i, average in enumerate(found):
        there = values[i : i + window]
        assert math.isclose(average, math.fsum(there) / window, abs_tol=1e-12) or not all(map(math.isfinite, there))
        assert math.isfinite(average) == all(map(math.isfinite, there))
