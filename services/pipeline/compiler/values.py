"""The values that a script works with while it is compiled, and what they are called in errors.

A value is a bool, int, float, str, Duration, Regex (the tree's), LambdaValue, Star (the tree's), list of values,
GraphNode, PartOf, TimeDimension, Reference (the tree's; a name in double quotes) or Unbound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.tickscript.ast import (
    Binary,
    Bool,
    DurationLit,
    Expression,
    Lambda,
    List,
    Number,
    Position,
    Reference,
    Regex,
    Star,
    String,
)
from services.pipeline.graph import GraphNode
from services.pipeline.spec import Duration, LambdaValue, Properties, TimeDimension

Value = Any


@dataclass(eq=False, slots=True)
class PartOf:
    """Where a chain stands after a part of a node has begun: `alert().post('…')`."""

    node: GraphNode
    properties: Properties
    type_name: str


@dataclass(frozen=True, slots=True)
class Unbound:
    """A function call as a value of its own: only `time` can be carried out, and only as an argument."""

    name: str
    arguments: tuple[Value, ...]
    position: Position


class Unsupported(ValueError):
    """A value that no literal can stand for."""


def type_of(value: Value) -> str:
    """The word for a value's type in TICKscript: `int`, `boolean`, … `invalid type` for what no var can be."""
    return _TYPES.get(type(value), "invalid type")


def go_type(value: Value) -> str:
    """The reference's own name for a value's type: `int64`, `*pipeline.FromNode`."""
    if isinstance(value, GraphNode):
        return f"*pipeline.{value.spec.type_name}"
    if isinstance(value, PartOf):
        return f"*pipeline.{value.type_name}"
    return _GO_TYPES.get(type(value), "tick.unboundFunc")


def show(value: Value) -> str:
    """A value as it stands in an error."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Duration):
        return format_go_duration(value)
    if isinstance(value, Regex):
        return value.pattern
    if isinstance(value, list):
        return f"[{' '.join(map(show, value))}]"
    if isinstance(value, int | float | str):
        return str(value)
    return go_type(value)


def literal_of(value: Value, position: Position) -> Expression:
    """The tree of a value, to put in a var's place; of a lambda its expression. Unsupported for nodes and such."""
    if isinstance(value, bool):
        return Bool(value, position=position)
    if isinstance(value, Duration):
        return DurationLit(int(value), position=position)
    if isinstance(value, int | float):
        return Number(value, position=position)
    if isinstance(value, str):
        return String(value, position=position)
    if isinstance(value, Regex | Star):
        return value
    if isinstance(value, LambdaValue):
        return value.expression
    if isinstance(value, list):
        return List(tuple(literal_of(v, position) for v in value), position=position)
    raise Unsupported(f"unsupported literal type {go_type(value)}")


def joined(left: LambdaValue | None, right: LambdaValue) -> LambdaValue:
    """Two conditions joined by AND."""
    if left is None:
        return right
    both = Binary("AND", bracketed(left.expression), bracketed(right.expression), position=right.expression.position)
    return LambdaValue(both, Lambda(both, position=right.expression.position))


def bracketed(expression: Expression) -> Expression:
    """The expression in a form that keeps its meaning among operators when it is written out."""
    if isinstance(expression, Binary) and not expression.parens:
        e = expression
        return Binary(e.operator, e.left, e.right, True, e.multiline, position=e.position, comment=e.comment)
    return expression


_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "int",
    float: "float",
    str: "string",
    Duration: "duration",
    Regex: "regex",
    LambdaValue: "lambda",
    list: "list",
    Star: "star",
}

_GO_TYPES: dict[type, str] = {
    bool: "bool",
    int: "int64",
    float: "float64",
    str: "string",
    Duration: "time.Duration",
    Regex: "*regexp.Regexp",
    LambdaValue: "*ast.LambdaNode",
    list: "[]interface {}",
    Star: "*ast.StarNode",
    Reference: "*ast.ReferenceNode",
    TimeDimension: "kapacitor.TimeDimension",
}
