"""A lambda over one point as text, each name followed by its value and each condition by its verdict.

    "usage_idle" 3.1 < 10.0 is true
    ("usage_idle" 3.1 < 10.0 is true) AND ("host" 'a' == 'b' is false) is false

For people who ask why a point went one way: it costs many evaluations, and is for single points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from grammar.tickscript.ast import Binary, Call, DurationLit, Expression, Lambda, Number, Reference, Unary, walk
from grammar.tickscript.formatter import format_expression
from grammar.tickscript.literals import format_duration, format_float, format_reference, format_string
from services.columns.column import Column, Duration, IntArray, Time, Value
from services.columns.frame import Points
from services.columns.groups.series import SeriesTable
from services.expressions.binding import TIME
from services.expressions.evaluator import Evaluator
from services.expressions.functions import FUNCTIONS
from services.expressions.typed.operators import COMPARISONS, LOGICAL

_LONGEST = 200  # characters of a text that is shown
_VERDICTS = (" is true", " is false")
_NOTHING: Mapping[str, Column] = {}


@dataclass(frozen=True, slots=True)
class Explained:
    """text: the lambda with its values filled in. value: what it gives, None where it cannot be evaluated.

    error: why not, "" where it can.
    """

    text: str
    value: Value | None
    error: str = ""


def explained(
    evaluator: Evaluator,
    point: Points,
    group: int | None = None,
    now: int = 0,
    earlier: Mapping[str, Column] = _NOTHING,
) -> Explained:
    """A lambda over the one point in `point`, from what its functions remember by now, which stays as it is.

    group, now, earlier: as in Evaluator.evaluate.
    """
    telling = _Telling(evaluator, point, None if group is None else np.array([group], dtype=np.int64), now, earlier)
    value, error = telling.value(evaluator.expression)
    return Explained(telling.text(evaluator.expression), value, error)


class _Telling:
    """One lambda over one point. A term is evaluated by itself, from a copy of what the whole remembers."""

    def __init__(
        self, whole: Evaluator, point: Points, group: IntArray | None, now: int, earlier: Mapping[str, Column]
    ) -> None:
        self._table: SeriesTable = whole.table
        self._memory = whole.state()
        self._point, self._group, self._now, self._earlier = point, group, now, earlier

    def value(self, term: Expression) -> tuple[Value | None, str]:
        """What a term gives; or None, and why it cannot be evaluated."""
        evaluator = Evaluator(term, self._table)
        evaluator.restore(self._memory)
        result = evaluator.evaluate(self._point, self._group, self._now, None, self._earlier)
        if result.column is None or (result.failed is not None and result.failed[0]):
            return None, result.reasons[0] if result.reasons else "it cannot be evaluated"
        return result.column.value(0), ""

    def text(self, term: Expression) -> str:
        """A term with its values."""
        match term:
            case Lambda(expression=inner):
                return self.text(inner)
            case Reference(name=name):
                return self._reference(name, term)
            case Binary(operator=symbol, left=left, right=right) if symbol in LOGICAL:
                return self._judged(f"{self._aside(left)} {symbol} {self._aside(right)}", term)
            case Binary(operator=symbol, left=left, right=right) if symbol in COMPARISONS:
                return self._judged(f"{self._aside(left)} {symbol} {self._aside(right)}", term)
            case Binary(operator=symbol, left=left, right=right):
                return self._valued(f"({self._aside(left)} {symbol} {self._aside(right)})", term)
            case Unary(operator="!", operand=operand):
                return self._judged(f"!{self._aside(operand)}", term)
            case Unary(operand=Number() | DurationLit()):
                return format_expression(term)
            case Unary(operator=symbol, operand=operand):
                return self._valued(f"({symbol}{self._aside(operand)})", term)
            case Call(name=name, arguments=arguments):
                called = f"{name}({', '.join(map(self.text, arguments))})"
                judged = isinstance(self.value(term)[0], bool)
                return (self._judged if judged else self._valued)(called, term) + self._remembered(name)
            case _:
                return format_expression(term)

    def _aside(self, term: Expression) -> str:
        """A term within another one: in brackets where it has a verdict of its own."""
        conditions = isinstance(term, Binary) and (term.operator in LOGICAL or term.operator in COMPARISONS)
        text = self.text(term)
        judged = conditions or (isinstance(term, Unary) and term.operator == "!")
        return f"({text})" if judged or (isinstance(term, Call) and text.endswith(_VERDICTS)) else text

    def _reference(self, name: str, term: Expression) -> str:
        value, error = (Time(self._point.time[0]), "") if name == TIME else self.value(term)
        if not error:
            return f"{format_reference(name)} {_literal(value)}"
        clash = self._point.column(name) is not None
        return f"{format_reference(name)} {'is a null, or both a field and a tag' if clash else 'is missing'}"

    def _judged(self, text: str, term: Expression) -> str:
        value, error = self.value(term)
        if error:
            return f"{text} cannot be evaluated" + ("" if self._lacks(term) else f": {error}")
        return f"{text} is {_literal(value).lower()}"

    def _valued(self, text: str, term: Expression) -> str:
        value, error = self.value(term)
        return f"{text} cannot be evaluated: {error}" if error else f"{text} {_literal(value)}"

    def _lacks(self, term: Expression) -> bool:
        """Whether one of the names in it has no value, which its text says already."""
        return any(isinstance(node, Reference) and self.value(node)[1] for node in walk(term))

    def _remembered(self, name: str) -> str:
        """What a function with a memory has remembered before this point."""
        if name not in FUNCTIONS or not FUNCTIONS[name].stateful:
            return ""
        kept = self._memory.get(name)
        group = 0 if self._group is None else int(self._group[0])
        groups = [] if kept is None else np.asarray(kept["groups"]).tolist()
        if kept is None or group not in groups:
            return " [nothing remembered]"
        numbers = np.atleast_2d(np.asarray(kept["numbers"]))[groups.index(group)].tolist()
        return f" [remembered {', '.join(f'{number:g}' for number in numbers)}]"


def _literal(value: Any) -> str:
    """A value as TICKscript writes it, times in RFC 3339, long texts cut."""
    if isinstance(value, Time):
        return format_rfc3339(value)
    if isinstance(value, Duration):
        return format_duration(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return format_float(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return format_string(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…", False)
    return "null" if value is None else str(value)
