"""Points held end to end: what is asked of a few, and what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from services.columns.column import Rows
from services.columns.frame import Points, points_of
from services.columns.stacked import Stack, stacked


def _some(*values: float | None) -> Points:
    fields = [{} if v is None else {"v": v} for v in values]
    return points_of(range(len(values)), [0] * len(values), fields)


def _v(points: Points) -> list[object]:
    return [fields.get("v") for fields in points.rows()]


@pytest.mark.parametrize("rows", [[1], [6, 0], [3, 3, 2], [5], []])
def test_a_few_are_as_all_of_them_at_these_rows(rows: list[int]) -> None:
    every = stacked([_some(0.0, 1.0, None), _some(3.0), _some(None, 5.0, 6.0, 7.0)])
    whole = _v(every)
    chosen: Rows = np.array(rows, dtype=np.intp)
    assert _v(every.take(chosen)) == [whole[row] for row in rows]
    assert _v(every.picked(np.arange(8)).take(chosen)) == [whole[row] for row in rows]


@pytest.mark.parametrize("needed", [None, frozenset({"v"})])
def test_many_small_parts_are_held_as_few(needed: frozenset[str] | None) -> None:
    stack = Stack()
    for i in range(200):
        stack.add(_some(float(i), None))
        stack.keep(np.arange(len(stack)), needed, decode=True)
    assert _v(stack.points())[::2] == [float(i) for i in range(200)]
    assert len(stack._parts) <= 64
