"""Lambdas of nodes, refused when the task starts where they cannot be right whatever the data."""

from __future__ import annotations

from grammar.tickscript.ast import Call, walk
from services.columns.groups.series import SeriesTable
from services.expressions import Evaluator, ExpressionError
from services.expressions.functions import FUNCTIONS
from services.pipeline.spec import LambdaValue
from services.runtime.errors import TaskFailed


def checked_evaluator(value: LambdaValue, table: SeriesTable, failure: str = "") -> Evaluator:
    """The lambda, ready to be evaluated. Raises TaskFailed, `failure` before the reason."""
    evaluator = Evaluator(value.expression, table)
    try:
        evaluator.check()
    except ExpressionError as error:
        raise TaskFailed(f"{failure}{error}") from None
    return evaluator


def remembers(*lambdas: LambdaValue | None) -> bool:
    """Whether some of these call a function that remembers the points before: count, sigma or spread."""
    calls = (part for one in lambdas if one is not None for part in walk(one.expression) if isinstance(part, Call))
    return any(FUNCTIONS[call.name].stateful for call in calls if call.name in FUNCTIONS)
