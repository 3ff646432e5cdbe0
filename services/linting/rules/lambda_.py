"""lambda: expressions that fail whatever the data."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.tickscript.ast import Binary, Call, Expression, Position, Unary, walk
from services.expressions import ExpressionError, syntax
from services.linting.finding import Found, Severity
from services.linting.flow import lambdas_of
from services.linting.rule import Rule
from services.linting.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    """A lambda that is wrong whatever the data: a function that there is not, `1 + 'a'`. The task would not start."""
    for node in subject.graph.nodes if subject.graph is not None else ():
        for value in lambdas_of(node):
            reason = _flaw(value.expression)
            if reason:
                at = _innermost(value.expression)
                yield Found(at or node.position, reason)


def _flaw(expression: Expression) -> str:
    try:
        syntax.check(expression)
    except ExpressionError as error:
        return str(error)
    return ""


def _innermost(expression: Expression) -> Position | None:
    """The place of the smallest part that is wrong by itself."""
    parts = [one for one in walk(expression) if isinstance(one, Binary | Call | Unary) and _flaw(one)]
    return parts[-1].position if parts else None


RULE = Rule("lambda", Severity.ERROR, check)
