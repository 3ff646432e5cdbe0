"""rand(): numbers in range, other ones each time, and the same again in a replay."""

from __future__ import annotations

import numpy as np

from grammar.tickscript.parser import parse_lambda
from services.columns.frame import points_of
from services.columns.groups.series import Series, SeriesTable
from services.expressions import Evaluator


def _drawn(text: str, n: int, restart_after: int = 0) -> list[int]:
    table = SeriesTable()
    table.number(Series("", "", "m", ()))
    evaluator = Evaluator(parse_lambda(text), table)
    out: list[int] = []
    for part in (restart_after, n - restart_after):
        points = points_of(range(part), [0] * part, [{"v": 1}] * part)
        column = evaluator.evaluate(points, np.zeros(part, dtype=np.int64)).column
        out += [] if column is None else column.values.tolist()
        state = evaluator.state()
        evaluator = Evaluator(parse_lambda(text), table)
        evaluator.restore(state)
    return out


def test_numbers_are_in_range_and_differ() -> None:
    drawn = _drawn("rand()", 1000)
    assert len(set(drawn)) == 1000
    assert min(drawn) >= 0 and max(drawn) < 2**63 and max(drawn) > 2**62
    below = _drawn("rand(10)", 1000)
    assert set(below) == set(range(10))


def test_a_replay_draws_the_same_numbers() -> None:
    assert _drawn("rand(1000)", 100) == _drawn("rand(1000)", 100, restart_after=37)
