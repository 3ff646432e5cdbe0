"""Lambdas over one point as text: what each name was, and which part of it held."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grammar.tickscript.parser import parse_lambda
from services.columns.frame import points_of
from services.columns.groups.series import Series, SeriesTable
from services.expressions import Evaluator
from services.expressions.explained import explained

POINT: dict[str, Any] = {"idle": 3.5, "n": 4, "text": "it's", "ok": True}


@pytest.mark.parametrize(
    ("text", "shown", "value"),
    [
        ('"idle" < 10.0', '"idle" 3.5 < 10.0 is true', True),
        (
            '"idle" < 1.0 AND "host" == \'a\'',
            "(\"idle\" 3.5 < 1.0 is false) AND (\"host\" 'a' == 'a' is true) is false",
            False,
        ),
        ('!"ok" OR "n" > 3', '(!"ok" TRUE is false) OR ("n" 4 > 3 is true) is true', True),
        ('"n" * 2 - 1', '(("n" 4 * 2) 8 - 1) 7', 7),
        ('"text" =~ /^it/', "\"text\" 'it\\'s' =~ /^it/ is true", True),
        ('abs(-"idle") >= 3.5', 'abs((-"idle" 3.5) -3.5) 3.5 >= 3.5 is true', True),
        ('"gone" > 1.0', '"gone" is missing > 1.0 cannot be evaluated', None),
        ("\"idle\" > 'a'", "\"idle\" 3.5 > 'a' cannot be evaluated", None),
        ('hour("time") == 22', 'hour("time" 2023-11-14T22:13:20Z) 22 == 22 is true', True),
        ('isPresent("idle")', 'isPresent("idle" 3.5) is true', True),
        ('!isPresent("idle") OR "ok"', '(!(isPresent("idle" 3.5) is true) is false) OR "ok" TRUE is true', True),
        ("10s > 1m", "10s > 1m is false", False),
    ],
)
def test_values_are_filled_in(text: str, shown: str, value: Any) -> None:
    found = explained(*lambda_over(text))
    assert found.text.startswith(shown) and found.value == value
    assert bool(found.error) == (value is None)


def test_a_function_with_a_memory_tells_what_it_remembers_and_stays_as_it_is() -> None:
    evaluator, point = lambda_over('count() > 0 AND sigma("idle") < 1.0')
    groups = np.array([1], dtype=np.int64)
    for _ in range(2):
        evaluator.truth(point, groups)
    for _ in range(2):
        found = explained(evaluator, point, 1)
        assert found.text == (
            "(count() 3 [remembered 2] > 0 is true) AND "
            '(sigma("idle" 3.5) 0.0 [remembered 2, 3.5, 0] < 1.0 is true) is true'
        )
    assert "[nothing remembered]" in explained(evaluator, point, 0).text
    assert evaluator.explain(1) == {"count": [2], "sigma": [2.0, 3.5, 0.0]} and evaluator.explain(0) == {}


def lambda_over(text: str) -> tuple[Evaluator, Any]:
    """The lambda, and the one point that it is to be asked over."""
    table = SeriesTable()
    series = table.number(Series("db", "rp", "m", (("host", "a"),)))
    return Evaluator(parse_lambda(text), table), points_of([1_700_000_000 * 10**9], [series], [POINT])
