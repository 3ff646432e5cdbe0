"""Expressions as syntax: their text in messages, an exact key, and what is wrong with them before any data."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from functools import cache
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.fmt import text_of
from grammar.tickscript.ast import (
    Binary,
    Bool,
    Call,
    DurationLit,
    Expression,
    Lambda,
    Node,
    Number,
    Reference,
    Regex,
    String,
    Unary,
    walk,
)
from services.expressions.typed.operators import COMPARISONS, LOGICAL, binary, mismatch
from services.expressions.typed.types import ExpressionError, ValueType


def references(expression: Expression) -> tuple[str, ...]:
    """The names that the expression refers to, each once, in order of appearance."""
    return tuple(dict.fromkeys(node.name for node in walk(expression) if isinstance(node, Reference)))


def calls(expression: Expression) -> frozenset[str]:
    """The names of the functions that the expression calls."""
    return frozenset(node.name for node in walk(expression) if isinstance(node, Call))


def fingerprint(node: Any) -> Hashable:
    """A key that is equal for expressions that mean the same. (The trees themselves take 1 and 1.0 for equal.)"""
    if isinstance(node, Node):
        kind: Any = type(node)
        return (kind.__name__, *[fingerprint(getattr(node, name)) for name in _compared(kind)])
    if isinstance(node, tuple):
        return tuple([fingerprint(item) for item in node])
    return (type(node).__name__, repr(node))


@cache
def _compared(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.compare)


def describe(expression: Expression) -> str:
    """An expression as Kapacitor's run-time messages write it."""
    match expression:
        case Number(value=value):
            return text_of(value)
        case DurationLit(ns=ns):
            return format_go_duration(ns)
        case String(value=text):
            return text
        case Bool(value=truth):
            return "true" if truth else "false"
        case Regex(pattern=pattern):
            return pattern
        case Reference(name=name):
            return f'"{name}"'
        case Unary(operator=symbol, operand=operand):
            return symbol + describe(operand)
        case Binary(operator=symbol, left=left, right=right):
            return f"{describe(left)} {symbol} {describe(right)}"
        case Call(name=name, arguments=arguments):
            return f"{name}({', '.join(map(describe, arguments))})"
        case Lambda(expression=inner):
            return describe(inner)
        case _:
            return type(expression).__name__


def literal_type(expression: Expression) -> ValueType | None:
    """The type of a literal, None for all else."""
    match expression:
        case Number(value=value):
            return ValueType.FLOAT if isinstance(value, float) else ValueType.INT
        case DurationLit():
            return ValueType.DURATION
        case String():
            return ValueType.STRING
        case Bool():
            return ValueType.BOOL
        case Regex():
            return ValueType.REGEX
        case _:
            return None


def check(expression: Expression) -> None:
    """Raise ExpressionError where operand types that do not depend on data do not go together."""
    match expression:
        case Number() | DurationLit() | String() | Bool() | Regex() | Reference():
            return
        case Binary(operator=symbol, left=left, right=right):
            _within("Failed to handle left node", left)
            _within("Failed to handle right node", right)
            _check_operands(symbol, left, right)
        case Unary(operand=operand):
            _within("Failed to handle node", operand)
        case Call(arguments=arguments):
            for number, argument in enumerate(arguments, 1):
                _within(f"Failed to handle {number} argument", argument)
        case Lambda(expression=inner):
            _within("Failed to handle node", inner)
        case _:
            raise ExpressionError(f"Given node type is not valid evaluation node: *ast.{type(expression).__name__}Node")


def _within(prefix: str, expression: Expression) -> None:
    try:
        check(expression)
    except ExpressionError as error:
        raise ExpressionError(f"{prefix}: {error}") from None


def _check_operands(symbol: str, left: Expression, right: Expression) -> None:
    left_type, right_type = _fixed_type(left), _fixed_type(right)
    if left_type is None or right_type is None:
        return
    if symbol in LOGICAL:
        possible = left_type is right_type is ValueType.BOOL
    else:
        possible = binary(symbol, left_type, right_type) is not None
    if not possible:
        raise ExpressionError(mismatch(symbol, left_type, right_type))


def _fixed_type(expression: Expression) -> ValueType | None:
    """The type that an expression has whatever the data, None where the data decides."""
    match expression:
        case Unary(operator="!"):
            return ValueType.BOOL
        case Unary(operand=operand):
            return _fixed_type(operand)
        case Binary(operator=symbol, left=left, right=right):
            if symbol in LOGICAL or symbol in COMPARISONS:
                return ValueType.BOOL
            left_type, right_type = _fixed_type(left), _fixed_type(right)
            if left_type is None or right_type is None:
                return None
            operation = binary(symbol, left_type, right_type)
            return None if operation is None else operation.result
        case Lambda(expression=inner):
            return _fixed_type(inner)
        case _:
            return literal_type(expression)
