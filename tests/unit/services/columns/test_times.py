"""Differences of times, against Python's integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.times import elapsed

LEAST, MOST = -(2**63), 2**63 - 1
TIMES = st.integers(LEAST, MOST) | st.sampled_from([LEAST, LEAST + 1, -1, 0, 1, MOST - 1, MOST])


@given(st.lists(st.tuples(TIMES, TIMES), max_size=20))
def test_a_difference_of_times_ends_at_what_int64_holds(pairs: list[tuple[int, int]]) -> None:
    expected = [min(max(time - since, LEAST), MOST) for time, since in pairs]
    time, since = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    assert elapsed(time, since).tolist() == expected
    assert [elapsed(*pair) for pair in pairs] == expected
