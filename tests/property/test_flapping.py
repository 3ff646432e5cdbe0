"""Whether a group flaps: runs of levels against a plain list of all of them, walked as the reference walks its ring."""

from __future__ import annotations

import copy

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.nodes.raising.flapping import Flapping


class _Naive:
    def __init__(self, low: float, high: float, size: int, level: int = 0) -> None:
        self._low, self._high, self._size = low, high, size
        self._history = [0] * (size - 1) + [level]
        self.flaps = False

    def add(self, level: int) -> None:
        size = self._size
        self._history = [*self._history[1:], level]
        ring = [self._history[-1], *self._history[:-1]]
        weight, changes = 0.8, 0.0
        step = (1.2 - weight) / (size - 1)
        for i in range(size - 1):
            if ring[i] != ring[i - 1]:
                changes += weight
            weight += step
        share = changes / (size - 1)
        self.flaps = share >= self._low if self.flaps else share > self._high


@given(
    st.integers(2, 25),
    st.floats(0, 1),
    st.floats(0, 1),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=80),
    st.integers(0, 3),
    st.data(),
)
def test_flapping_is_that_of_all_levels(
    size: int, low: float, high: float, points: list[tuple[int, int]], begins: int, data: st.DataObject
) -> None:
    flapping = Flapping(low, high, size)
    naive = [_Naive(low, high, size, begins), _Naive(low, high, size), _Naive(low, high, size)]
    flapping.begin(0, begins)
    for group, level in points:
        if data.draw(st.integers(0, 9)) == 0:
            saved = copy.deepcopy(flapping.state())
            flapping = Flapping(low, high, size)
            flapping.restore(saved)
        flapping.add(group, level)
        naive[group].add(level)
        assert [g in flapping for g in range(3)] == [n.flaps for n in naive]


@given(st.integers(2, 30), st.lists(st.integers(0, 3), max_size=90))
def test_the_share_of_a_long_history_is_the_same_but_for_rounding(size: int, levels: list[int]) -> None:
    """No share is just at these thresholds."""
    exact, quick = (Flapping(0.2003001, 0.5007003, size, most) for most in (1024, 1))
    for level in levels:
        exact.add(0, level)
        quick.add(0, level)
        assert (0 in quick) == (0 in exact)


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 3), max_size=30))
def test_groups_that_are_kept_are_renumbered(first: list[int], second: list[int]) -> None:
    flapping, naive = Flapping(0.2, 0.5, 5), _Naive(0.2, 0.5, 5)
    for level in first:
        flapping.add(0, 3 - level)
        flapping.add(1, level)
        naive.add(level)
    flapping.keep(np.array([1], dtype=np.intp))
    for level in second:
        flapping.add(0, level)
        naive.add(level)
    assert (0 in flapping) == naive.flaps
    assert 1 not in flapping


@given(st.lists(st.integers(0, 1), min_size=1, max_size=50))
def test_a_history_without_end_keeps_what_came(levels: list[int]) -> None:
    flapping = Flapping(0.2, 0.5, 1_000_000_000)
    for level in levels:
        flapping.add(0, level)
    (kept,) = flapping.state()["levels"].values()
    assert len(kept[1]) <= len(levels) + 1
    assert 0 not in flapping
