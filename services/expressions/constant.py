"""Expressions without references, worked out while a script is compiled: `var x = 30s * base`."""

from __future__ import annotations

from typing import Any

from grammar.tickscript.ast import Binary, Call, Expression, Reference, walk
from services.columns.column import Duration
from services.expressions.functions import CLOCK
from services.expressions.syntax import check
from services.expressions.typed.resolve import resolve
from services.expressions.typed.scalar import Row, scalar
from services.expressions.typed.types import EvaluationFailed, ExpressionError, ValueType


def constant(expression: Expression) -> Any:
    """The value, a bool, int, float, str or Duration. ValueError, in the reference's words, where there is none.

    now() has none: a task must mean the same whenever it is started.
    """
    for node in walk(expression):
        if isinstance(node, Reference):
            raise ValueError(f'name "{node.name}" is undefined. Names in scope: ')
        if isinstance(node, Call) and node.name == CLOCK:
            raise ValueError("now() has no value before the task runs")
    try:
        if isinstance(expression, Binary):
            check(expression)  # which tells where the mistake is
        term = resolve(expression, {})
        value = scalar(term)(Row((), 0))
    except (ExpressionError, EvaluationFailed) as error:
        raise ValueError(str(error)) from None
    return Duration(value) if term.type is ValueType.DURATION else value
