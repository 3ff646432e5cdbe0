"""field-type: lambdas that fail by the types of the sample's fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from grammar.tickscript.ast import Binary, Call, Expression, Reference, Unary, walk
from services.expressions.binding import TIME
from services.expressions.typed.resolve import resolve
from services.expressions.typed.terms import Fails
from services.expressions.typed.types import ValueType
from services.linting.finding import Found, Severity
from services.linting.flow import lambdas_of, measured_at
from services.linting.rule import Rule
from services.linting.sample import Measurement
from services.linting.subject import Subject
from services.nodes.eval import EvalProperties


def check(subject: Subject) -> Iterator[Found]:
    """With `--sample`: a lambda that uses a field as what it is not, so that it fails on every point."""
    if subject.graph is None or subject.flow is None:
        return
    for node in subject.graph.nodes:
        measured = measured_at(node, subject.flow)
        if measured is None:
            continue
        made = node.properties.as_ if isinstance(node.properties, EvalProperties) else ()
        for value in lambdas_of(node):
            types = _types(value.expression, measured)
            if types is None or types.keys() & set(made):
                continue
            for part in _failing(value.expression, types):
                words = ", ".join(f'"{one}" is {types[one].value}' for one in _references(part))
                reason = resolve(part, types)
                if isinstance(reason, Fails):
                    yield Found(part.position, f"{reason.reason} ({words} in the sample)", "compare it with that type")


def _types(expression: Expression, measured: Measurement) -> Mapping[str, ValueType] | None:
    """The type of each reference; None where one is not known, or has several."""
    found: dict[str, ValueType] = {}
    for name in _references(expression):
        kinds = {ValueType.TIME} if name == TIME else set(measured.fields.get(name, ()))
        if name in measured.tags:
            kinds.add(ValueType.STRING)
        if len(kinds) != 1:
            return None
        found[name] = kinds.pop()
    return found


def _failing(expression: Expression, types: Mapping[str, ValueType]) -> list[Binary | Call | Unary]:
    """The smallest parts that fail by themselves."""
    failing = [
        one
        for one in walk(expression)
        if isinstance(one, Binary | Call | Unary) and _references(one) and isinstance(resolve(one, types), Fails)
    ]
    numbers = {id(one) for one in failing}
    return [one for one in failing if not any(id(part) in numbers for part in walk(one) if part is not one)]


def _references(expression: Expression) -> list[str]:
    return list(dict.fromkeys(one.name for one in walk(expression) if isinstance(one, Reference)))


RULE = Rule("field-type", Severity.ERROR, check)
