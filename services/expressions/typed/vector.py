"""Terms run over all rows at once, as numpy operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from services.columns.column import BoolArray
from services.expressions.tags import Coded, TagColumn
from services.expressions.text_limits import bounded
from services.expressions.typed.signatures import TypedOperation
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
from services.expressions.typed.types import ZERO_OF_TYPE, Array, EvaluationFailed, ValueType, array_of, full


@dataclass(slots=True)
class Selection:
    """n rows of the same types: one array a reference, by index, and the clock."""

    values: Sequence[Array | Coded]
    n: int
    now: int


Value = Any
"""An array over the rows; of a Constant term the Python value itself."""

Certain = Callable[[Selection], Value]
Doubtful = Callable[[Selection], tuple[Value, BoolArray | None]]


@dataclass(frozen=True, slots=True)
class Vector:
    """A term to be run over rows: `certain` where no row can fail, else `doubtful`, which tells the failed ones.

    noisy: numpy may warn while it runs.
    """

    certain: Certain | None
    doubtful: Doubtful | None
    noisy: bool = False


def vector(term: Term) -> Vector:
    """A term without state, ready to be run over rows."""
    match term:
        case Constant(value=value):
            return Vector(lambda rows: value, None)
        case Lookup(type=ValueType.STRING, index=index):
            return Vector(lambda rows: _array(rows.values[index]), None)
        case Lookup(index=index):
            return Vector(lambda rows: rows.values[index], None)
        case Clock():
            return Vector(lambda rows: np.full(rows.n, rows.now, dtype=np.int64), None)
        case Fails(type=type_):
            zero = ZERO_OF_TYPE[type_]
            return Vector(None, lambda rows: (full(type_, zero, rows.n), np.ones(rows.n, dtype=np.bool_)))
        case Logic(conjunction=conjunction, left=left, right=right):
            return _logic(conjunction, vector(left), vector(right))
        case Apply(type=type_, operation=operation, operands=operands):
            if sum(not isinstance(operand, Constant) for operand in operands) == 1:
                for place, operand in enumerate(operands):
                    if isinstance(operand, Lookup) and operand.type is ValueType.STRING:
                        return _of_text(term, place, operand.index)
            return _apply(type_, operation, [vector(operand) for operand in operands])
        case Missing() | Remember():
            raise AssertionError(f"{term} does not run over rows")


def _logic(conjunction: bool, left: Vector, right: Vector) -> Vector:
    noisy = left.noisy or right.noisy
    combine: Callable[..., BoolArray] = np.logical_and if conjunction else np.logical_or
    if left.certain is not None and right.certain is not None:
        a, b = left.certain, right.certain
        return Vector(lambda rows: combine(a(rows), b(rows)), None, noisy)
    first, second = _doubtful(left), _doubtful(right)

    def run(rows: Selection) -> tuple[BoolArray, BoolArray | None]:
        truth, failed = first(rows)
        other, unusable = second(rows)
        if unusable is not None:
            # The right side only matters where the left has not decided.
            unusable = unusable & (truth if conjunction else ~truth)
        return combine(truth, other), _either(failed, unusable)

    return Vector(None, run, noisy)


def _apply(type_: ValueType, operation: TypedOperation, operands: list[Vector]) -> Vector:
    noisy = operation.noisy or any(operand.noisy for operand in operands)
    if not operation.fallible and all(operand.certain is not None for operand in operands):
        direct = operation.vector or _by_row(type_, operation)
        return Vector(_direct(direct, [o.certain for o in operands if o.certain is not None]), None, noisy)
    doubtful = [_doubtful(operand) for operand in operands]
    apply = _checked(type_, operation)

    def run(rows: Selection) -> tuple[Array, BoolArray | None]:
        values, failed = [], None
        for operand in doubtful:
            value, bad = operand(rows)
            values.append(value)
            failed = _either(failed, bad)
        result, bad = apply(*values)
        return result, _either(failed, bad)

    return Vector(None, run, noisy)


class _Answers:
    """An operation's results by distinct value of one tag."""

    __slots__ = ("failed", "values")

    def __init__(self, type_: ValueType) -> None:
        self.values: Array = array_of(type_, [])
        self.failed: BoolArray = np.zeros(0, dtype=np.bool_)

    def grow(self, values: Array, failed: BoolArray | None) -> None:
        """Results for the values that are new."""
        self.values = np.concatenate([self.values, values])
        self.failed = np.concatenate([self.failed, np.zeros(len(values), dtype=np.bool_) if failed is None else failed])


def _of_text(term: Apply, place: int, index: int) -> Vector:
    """An operation on one text and constants. Over a tag it is done once a value, whatever the number of rows."""
    operation = term.operation
    operands = [operand.value if isinstance(operand, Constant) else None for operand in term.operands]
    apply = _checked(term.type, operation)
    known: WeakKeyDictionary[TagColumn, _Answers] = WeakKeyDictionary()

    def of_array(texts: Array) -> tuple[Array, BoolArray | None]:
        return apply(*operands[:place], texts, *operands[place + 1 :])

    def run(rows: Selection) -> tuple[Array, BoolArray | None]:
        texts = rows.values[index]
        if not isinstance(texts, Coded):
            return of_array(texts)
        answers = known.get(texts.tag)
        if answers is None:
            answers = known[texts.tag] = _Answers(term.type)
        if len(answers.values) < len(texts.tag.texts):
            answers.grow(*of_array(texts.tag.texts[len(answers.values) :]))
        failed = answers.failed[texts.codes] if operation.fallible else None
        return answers.values[texts.codes], failed

    if operation.fallible:
        return Vector(None, run, operation.noisy)
    return Vector(lambda rows: run(rows)[0], None, operation.noisy)


def _direct(apply: Callable[..., Any], operands: list[Certain]) -> Certain:
    if len(operands) == 1:
        (only,) = operands
        return lambda rows: apply(only(rows))
    if len(operands) == 2:
        left, right = operands
        return lambda rows: apply(left(rows), right(rows))
    return lambda rows: apply(*(operand(rows) for operand in operands))


def _checked(type_: ValueType, operation: TypedOperation) -> Callable[..., tuple[Array, BoolArray | None]]:
    """The operation with the rows that failed."""
    if operation.checked is not None:
        return operation.checked
    if operation.fallible:
        return _by_doubtful_row(type_, operation)
    apply = operation.vector or _by_row(type_, operation)
    return lambda *values: (apply(*values), None)


def _by_row(type_: ValueType, operation: TypedOperation) -> Callable[..., Array]:
    """The scalar operation, called for every row."""
    apply = operation.scalar
    return lambda *values: array_of(type_, list(map(apply, *_columns(values))))


def _by_doubtful_row(type_: ValueType, operation: TypedOperation) -> Callable[..., tuple[Array, BoolArray | None]]:
    """The scalar operation, called for every row and failing in some."""
    apply, zero = operation.scalar, ZERO_OF_TYPE[type_]
    texts = type_ is ValueType.STRING

    def run(*values: Value) -> tuple[Array, BoolArray | None]:
        results: list[Any] = []
        failed: list[int] = []
        size = 0
        for arguments in zip(*_columns(values), strict=False):
            try:
                results.append(apply(*arguments))
            except EvaluationFailed:
                failed.append(len(results))
                results.append(zero)
            if texts:
                size += len(results[-1])
                bounded(size)
        mask: BoolArray | None = None
        if failed:
            mask = np.zeros(len(results), dtype=np.bool_)
            mask[failed] = True
        return array_of(type_, results), mask

    return run


def _columns(values: Sequence[Value]) -> list[Iterable[Any]]:
    return [value.tolist() if isinstance(value, np.ndarray) else repeat(value) for value in values]


def _array(values: Array | Coded) -> Array:
    return values.array() if isinstance(values, Coded) else values


def _doubtful(operand: Vector) -> Doubtful:
    if operand.doubtful is not None:
        return operand.doubtful
    certain = operand.certain
    assert certain is not None
    return lambda rows: (certain(rows), None)


def _either(a: BoolArray | None, b: BoolArray | None) -> BoolArray | None:
    if a is None:
        return b
    return a if b is None else a | b
