"""`match` of a topic's handler: a lambda that says whether an event is for it.

Beside all that lambdas have there are in it: changed() (the level is another than the id had before), level() and the
names OK, INFO, WARNING and CRITICAL to compare it with, name() of the measurement, taskName(), alertID(), and
alertDuration() or duration(), which Kapacitor 1.5.7 knows but cannot evaluate. A reference is a tag of the event, else
a field. now() is the time at which the event was stored, so that a restart does not change the answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from grammar.golang.quoting import quote
from grammar.gotemplate import Time
from grammar.tickscript.ast import Call, Expression, Identifier, Node, Number, Reference, TickscriptError
from grammar.tickscript.parser import parse_lambda
from services.alerting.topics.alert_event import AlertEvent
from services.alertlog.info import LEVELS
from services.columns.column import kind_of
from services.expressions.functions import FUNCTIONS
from services.expressions.syntax import calls, check, references
from services.expressions.typed.resolve import resolve
from services.expressions.typed.scalar import Row, Run, scalar
from services.expressions.typed.types import TYPE_OF_KIND, EvaluationFailed, ExpressionError, ValueType

_PLANS = 64  # combinations of types that are kept


class NoMatch(Exception):
    """The lambda cannot be evaluated for an event; str() is the reason. The event then does not fulfil it."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Property:
    """What a function without arguments says of an event."""

    type: ValueType
    of: Callable[[AlertEvent], Any]


_DURATION = _Property(ValueType.DURATION, lambda event: event.duration)
_PROPERTIES: Mapping[str, _Property] = {
    "changed": _Property(ValueType.BOOL, lambda event: event.level != event.previous),
    "level": _Property(ValueType.INT, lambda event: event.level),
    "name": _Property(ValueType.STRING, lambda event: event.name),
    "taskName": _Property(ValueType.STRING, lambda event: event.task),
    "alertID": _Property(ValueType.STRING, lambda event: event.id),
    "alertDuration": _DURATION,
    "duration": _DURATION,
}

_MARK = "\0"
"""Begins the references that stand for functions."""


class Match:
    """A compiled match."""

    def __init__(self, text: str) -> None:
        """ValueError, in the reference's words, for what is no lambda."""
        try:
            self._expression: Expression = _replaced(parse_lambda(text))
            check(self._expression)
        except (TickscriptError, ExpressionError) as error:
            raise ValueError(f"invalid match expression: {error}") from None
        except RecursionError:
            raise ValueError("invalid match expression: nested too deeply") from None
        stateful = sorted(n for n in calls(self._expression) if n in FUNCTIONS and FUNCTIONS[n].stateful)
        if stateful:
            raise ValueError(f"invalid match expression: {stateful[0]}() remembers earlier points, a match does not")
        self._names = references(self._expression)
        self._plans: dict[tuple[ValueType, ...], Run] = {}

    def __call__(self, event: AlertEvent, now: int) -> bool:
        """Whether the event fulfils it. now: when it was stored, ns. Raises NoMatch."""
        found = [_value(event, name) for name in self._names]
        types = tuple(type_ for type_, _ in found)
        run = self._plans.get(types)
        if run is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            run = self._plans[types] = self._plan(types)
        try:
            result = run(Row([value for _, value in found], now))
        except EvaluationFailed as failure:
            raise NoMatch(str(failure)) from None
        except Exception as error:
            # the data are a user's, and may fail in ways nobody thought of
            raise NoMatch(f"{type(error).__name__}: {error}") from error
        if not isinstance(result, bool):
            raise NoMatch(f"expression returned unexpected type {type(result).__name__}, expected boolean")
        return result

    def _plan(self, types: tuple[ValueType, ...]) -> Run:
        return scalar(resolve(self._expression, dict(zip(self._names, types, strict=True))))


@lru_cache(maxsize=1024)
def match_of(text: str) -> Match | None:
    """The match of this text, None for the empty one, which every event fulfils. ValueError as Match."""
    return Match(text) if text else None


def _value(event: AlertEvent, name: str) -> tuple[ValueType, Any]:
    prop = _PROPERTIES.get(name[1:]) if name.startswith(_MARK) else None
    if prop is not None:
        return prop.type, prop.of(event)
    if name in event.tags:
        return ValueType.STRING, event.tags[name]
    value = event.fields.get(name)
    if value is None:
        return ValueType.MISSING, None
    if isinstance(value, Time):
        return ValueType.TIME, value.ns
    return TYPE_OF_KIND[kind_of(value)], value


def _replaced(node: Any) -> Any:
    """The expression with names of levels as their numbers and functions of the event as references."""
    if isinstance(node, tuple):
        return tuple(map(_replaced, node))
    if isinstance(node, Identifier):
        if node.name not in LEVELS:
            raise ValueError(f"unknown identifier {quote(node.name)}")
        return Number(LEVELS.index(node.name))
    if isinstance(node, Call) and node.name in _PROPERTIES and not node.arguments:
        return Reference(_MARK + node.name)
    if not isinstance(node, Node):
        return node
    names = [f.name for f in dataclasses.fields(node) if f.init and f.name not in ("position", "comment")]
    changed: Any = dataclasses.replace(node, **{name: _replaced(getattr(node, name)) for name in names})
    return changed
