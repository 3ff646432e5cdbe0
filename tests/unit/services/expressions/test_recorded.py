"""Every expression that was recorded gives what Kapacitor gave; what it could not evaluate fails here too."""

from __future__ import annotations

import math

import pytest

from services.columns.column import Value
from tests.unit.services.expressions.recorded import COMMON, FIELDS, TOPICS
from tests.unit.services.expressions.support import evaluate, outcomes

TAGS = {"host": "a", "dc": "x"}
VALUES = [(topic, text, wanted) for topic, (values, _) in TOPICS.items() for text, wanted in values.items()]
FAILURES = [(topic, text) for topic, (_, failing) in TOPICS.items() for text in failing]


def _one(topic: str, text: str) -> list[Value | None]:
    fields = FIELDS.get(topic, COMMON)
    tags = {"host": "srv01"} if "u" in fields else TAGS
    # Three rows, so that nothing takes a column of one row for a constant.
    result = evaluate(text, [fields] * 3, [tags] * 3)
    assert bool(result.reasons) == (result.failed is not None)
    return outcomes(result, 3)


@pytest.mark.parametrize(("topic", "text", "wanted"), VALUES)
def test_value(topic: str, text: str, wanted: object) -> None:
    for value in _one(topic, text):
        if isinstance(wanted, float) or isinstance(value, float):
            assert isinstance(value, float) and isinstance(wanted, float | int)
            assert math.isclose(value, wanted, rel_tol=1e-9)
        else:
            assert value == wanted
            assert isinstance(value, bool) == isinstance(wanted, bool)


@pytest.mark.parametrize(("topic", "text"), FAILURES)
def test_failure(topic: str, text: str) -> None:
    assert _one(topic, text) == [None] * 3
