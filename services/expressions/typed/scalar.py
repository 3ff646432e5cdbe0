"""Terms run row by row: for stateful expressions, and for the text of why a row failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.expressions.typed.resolve import called
from services.expressions.typed.signatures import StatefulOperation, TypedOperation
from services.expressions.typed.terms import (
    Apply,
    Clock,
    Constant,
    Fails,
    Logic,
    Lookup,
    Missing,
    Remember,
    Term,
)
from services.expressions.typed.types import EvaluationFailed


@dataclass(slots=True)
class Row:
    """One row: its references' values by index, the clock, and its group's state by function."""

    values: Sequence[Any]
    now: int
    memory: dict[str, list[Any]] = field(default_factory=dict)


Run = Callable[[Row], Any]


def scalar(term: Term) -> Run:
    """A function that gives the term's value in a row, or raises EvaluationFailed."""
    match term:
        case Constant(value=value):
            return lambda row: value
        case Lookup(index=index):
            return lambda row: row.values[index]
        case Clock():
            return lambda row: row.now
        case Fails(reason=reason):
            return _fails(reason)
        case Missing(name=name):
            return _fails(f'reference "{name}" is missing value')
        case Logic(conjunction=conjunction, left=left, right=right):
            return _logic(conjunction, scalar(left), scalar(right))
        case Apply(operation=operation, operands=operands, function=function):
            return _apply(operation, [scalar(operand) for operand in operands], function)
        case Remember(operation=stateful, operands=operands, function=function):
            return _remember(stateful, [scalar(operand) for operand in operands], function)


def _fails(reason: str) -> Run:
    def run(row: Row) -> Any:
        raise EvaluationFailed(reason)

    return run


def _logic(conjunction: bool, left: Run, right: Run) -> Run:
    if conjunction:
        return lambda row: left(row) and right(row)
    return lambda row: left(row) or right(row)


def _apply(operation: TypedOperation, operands: list[Run], function: str) -> Run:
    apply = operation.scalar
    if not function:
        if len(operands) == 1:
            (only,) = operands
            return lambda row: apply(only(row))
        left, right = operands
        return lambda row: apply(left(row), right(row))

    def run(row: Row) -> Any:
        values = _arguments(operands, row)
        try:
            return apply(*values)
        except EvaluationFailed as failure:
            raise EvaluationFailed(called(function, failure)) from None

    return run


def _remember(operation: StatefulOperation, operands: list[Run], function: str) -> Run:
    def run(row: Row) -> Any:
        values = _arguments(operands, row)
        state = row.memory.get(function)
        if state is None:
            state = row.memory[function] = operation.start()
        return operation.step(state, *values)

    return run


def _arguments(operands: list[Run], row: Row) -> list[Any]:
    return [_argument(number, operand, row) for number, operand in enumerate(operands, 1)]


def _argument(number: int, operand: Run, row: Row) -> Any:
    try:
        return operand(row)
    except EvaluationFailed as failure:
        raise EvaluationFailed(f"Failed to handle {number} argument: {failure}") from None
