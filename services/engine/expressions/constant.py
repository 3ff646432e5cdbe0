"""Expressions without references, worked out while a script is compiled: `var x = 30s * base`."""

from __future__ import annotations

from typing import Any

from grammar.tickscript.ast import Call, Expression, Reference, walk
from services.engine.column import Duration
from services.engine.expressions.functions import CLOCK
from services.engine.expressions.resolve import resolve
from services.engine.expressions.scalar import Row, scalar
from services.engine.expressions.types import Failure, ValueType


def constant(expression: Expression) -> Any:
    """The value, a bool, int, float, str or Duration. ValueError, in the reference's words, where there is none.

    now() has none: a task must mean the same whenever it is started.
    """
    for node in walk(expression):
        if isinstance(node, Reference):
            raise ValueError(f'name "{node.name}" is undefined. Names in scope: ')
        if isinstance(node, Call) and node.name == CLOCK:
            raise ValueError("now() has no value before the task runs")
    term = resolve(expression, {})
    try:
        value = scalar(term)(Row((), 0))
    except Failure as failure:
        raise ValueError(str(failure)) from None
    return Duration(value) if term.type is ValueType.DURATION else value
