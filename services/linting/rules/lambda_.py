"""lambda: expressions that fail whatever the data."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.tickscript.ast import Binary, Call, Expression, Position, Unary, walk
from services.expressions import ExpressionError, syntax
from services.expressions.functions import CLOCK, FUNCTIONS
from services.linting.finding import Found, Severity
from services.linting.flow import lambdas_of
from services.linting.rule import Rule
from services.linting.subject import Subject

_KNOWN = frozenset((*FUNCTIONS, CLOCK))


def check(subject: Subject) -> Iterator[Found]:
    """A lambda that is wrong whatever the data: `1 + 'a'`, a function that there is not.

    With some of it the task does not start, with the rest it fails on every point.
    """
    for node in subject.graph.nodes if subject.graph is not None else ():
        for value in lambdas_of(node):
            yield from _flaws(value.expression, node.position)


def _flaws(expression: Expression, otherwise: Position) -> Iterator[Found]:
    for part in walk(expression):
        if isinstance(part, Call) and part.name not in _KNOWN:
            yield Found(part.position, f'there is no function "{part.name}"')
    if reason := _flaw(expression):
        yield Found(_innermost(expression) or otherwise, reason)


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
