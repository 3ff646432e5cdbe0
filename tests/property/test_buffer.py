"""The group buffer against lists: whatever lies in which of its levels must not show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.columns import keyed_buffer as buffer
from services.columns.frame import points_of
from services.columns.groups.series import Series, SeriesTable
from services.columns.keyed_buffer import KeyedWindowBuffer

GROUPS = 4

_points = st.lists(st.tuples(st.integers(0, GROUPS - 1), st.integers(0, 30)), min_size=1, max_size=8)
_ask = st.tuples(st.integers(0, GROUPS - 1), st.integers(0, 30), st.booleans())
_keep = st.sets(st.integers(0, GROUPS - 1), min_size=1)


@pytest.fixture(autouse=True, scope="module")
def small_levels() -> object:
    """Levels so small that points pass through all of them."""
    patch = pytest.MonkeyPatch()
    patch.setattr(buffer, "_TAIL", 2)
    patch.setattr(buffer, "_YOUNG", 3)
    patch.setattr(buffer, "_PART", 2)
    yield
    patch.undo()


@given(st.lists(st.one_of(_points, _ask, _keep, st.just("restart")), max_size=20))
def test_a_buffer_is_a_list_a_group(steps: list[object]) -> None:
    table = SeriesTable()
    table.number(Series("", "", "m", ()))
    held: list[list[tuple[int, float]]] = [[] for _ in range(GROUPS)]
    kept = KeyedWindowBuffer(table)
    number = 0.0
    for step in steps:
        if isinstance(step, list):
            values = [number + i for i in range(len(step))]
            number += len(step)
            fields = [{"v": v} for v in values]
            kept.add(points_of([t for _, t in step], [0] * len(step), fields), np.array([g for g, _ in step]))
            for (group, time), value in zip(step, values, strict=True):
                held[group].append((time, value))
        elif isinstance(step, set):
            left = sorted(step)
            kept.keep(np.array(left, dtype=np.intp))
            held = [held[g] for g in left] + [[] for _ in range(GROUPS - len(left))]
        elif step == "restart":
            saved = kept.state()
            kept = KeyedWindowBuffer(table)
            kept.restore(saved)
        else:
            _check_and_forget(kept, held, step)


def _check_and_forget(kept: KeyedWindowBuffer, held: list[list[tuple[int, float]]], ask: tuple[int, int, bool]) -> None:
    group, time, above = ask
    kept.sort()
    every = np.arange(GROUPS)
    counts = kept.held(every)
    assert counts.tolist() == [len(points) for points in held]
    lower = kept.first_not_before(every, counts, np.full(GROUPS, time), above=above)
    young = [[i for i, (t, _) in enumerate(points) if (t > time if above else t >= time)] for points in held]
    assert lower.tolist() == [rows[0] if rows else len(points) for rows, points in zip(young, held, strict=True)]
    points, offsets = kept.points(every, lower, counts)
    column = points.column("v")
    values = [] if column is None else column.tolist()
    for g in every.tolist():
        assert values[offsets[g] : offsets[g + 1]] == [v for _, v in held[g][lower[g] :]]
    kept.forget(np.array([group, group]), np.array([0, lower[group]]))
    del held[group][: int(lower[group])]
