"""never-true: conditions that no point fulfils."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from grammar.tickscript.ast import (
    Binary,
    Call,
    Expression,
    Identifier,
    Lambda,
    Link,
    Number,
    Position,
    Reference,
    String,
    Unary,
    walk,
)
from grammar.tickscript.formatter import format_expression
from services.expressions.constant import constant
from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject

_CONDITIONS = frozenset(("where", "info", "warn", "crit"))  # no node has them as anything else


def check(subject: Subject) -> Iterator[Found]:
    """A condition of `where` or of an alert's level that is never true: `FALSE`, `"x" > 10 AND "x" < 5`.

    Only what stands in the lambda itself is looked at, not vars, for tasks may give others. Told apart are constants
    and comparisons of one field or tag with numbers and texts that are joined by AND.
    """
    if subject.graph is None or subject.script is None:
        return
    for link in walk(subject.script):
        if not isinstance(link, Link) or link.name not in _CONDITIONS or len(link.arguments) != 1:
            continue
        given = link.arguments[0]
        if isinstance(given, Lambda) and (why := _why(given.expression)) is not None:
            does = "no point goes on" if link.name == "where" else f"the level {link.name} is never reached"
            yield Found(why.position, f"the condition is never true, {does}: {why.reason}", why.help)


class _Why(NamedTuple):
    position: Position
    reason: str
    help: str


class _Comparison(NamedTuple):
    """`"name" operator value`, and the expression that says so."""

    name: str
    operator: str
    value: float | str
    expression: Binary


def _why(expression: Expression) -> _Why | None:
    """Why an expression is never true; None: it may be."""
    if _is_false(expression):
        meant = "remove it, or say that it is meant: // tickbus:ignore never-true"
        return _Why(expression.position, f"{format_expression(expression)} is constant", meant)
    if isinstance(expression, Binary) and expression.operator == "OR":
        left = _why(expression.left)
        return left if left is not None and _why(expression.right) is not None else None
    if isinstance(expression, Binary) and expression.operator == "AND":
        parts = list(_joined(expression))
        return next((why for part in parts if (why := _why(part)) is not None), None) or _contradiction(parts)
    return None


def _is_false(expression: Expression) -> bool:
    """Whether it says so without looking at a point. Vars and functions may say anything."""
    if any(isinstance(part, Reference | Identifier | Call) for part in walk(expression)):
        return False
    try:
        return constant(expression) is False
    except ValueError:
        return False


def _joined(expression: Expression) -> Iterator[Expression]:
    """The parts that AND joins, in order."""
    if isinstance(expression, Binary) and expression.operator == "AND":
        yield from _joined(expression.left)
        yield from _joined(expression.right)
    else:
        yield expression


def _contradiction(parts: Sequence[Expression]) -> _Why | None:
    """Two of the parts that are never true together."""
    seen: dict[tuple[str, bool], list[_Comparison]] = defaultdict(list)
    for one in (found for part in parts if (found := _comparison(part)) is not None):
        others = seen[one.name, isinstance(one.value, str)]
        for other in others:
            if _exclude(other, one) or _exclude(one, other):
                both = f"{_written(other)} excludes {_written(one)}"
                return _Why(one.expression.position, both, "mend one of them, or say OR")
        others.append(one)
    return None


def _comparison(expression: Expression) -> _Comparison | None:
    if not isinstance(expression, Binary) or expression.operator not in _MIRRORED:
        return None
    for field, other, comparison in (
        (expression.left, expression.right, expression.operator),
        (expression.right, expression.left, _MIRRORED[expression.operator]),
    ):
        if isinstance(field, Reference) and (value := _value(other)) is not None:
            return _Comparison(field.name, comparison, value, expression)
    return None


def _value(expression: Expression) -> float | str | None:
    if isinstance(expression, Unary) and expression.operator == "-" and isinstance(expression.operand, Number):
        return -expression.operand.value
    return expression.value if isinstance(expression, Number | String) else None


def _exclude(a: _Comparison, b: _Comparison) -> bool:
    """Whether two comparisons of one field, with values of one kind, are never true together."""
    if a.operator == "==":
        return not _holds(a.value, b.operator, b.value)
    if a.operator in _LOWER and b.operator in _UPPER:
        if a.value == b.value:
            return (a.operator, b.operator) != (">=", "<=")
        return _holds(a.value, ">", b.value)
    return False


def _holds(a: float | str, comparison: str, b: float | str) -> bool:
    """`a comparison b`. Texts are ordered by their bytes, as Go's are."""
    left, right = (one.encode("utf-8", "replace") if isinstance(one, str) else one for one in (a, b))
    return _HOLDS[comparison](left, right)


def _written(one: _Comparison) -> str:
    return format_expression(one.expression).strip("()")


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LOWER, _UPPER = (">", ">="), ("<", "<=")

RULE = Rule("never-true", Severity.WARNING, check)
