"""Conversions: bool, int, float, string and duration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from grammar.golang.fmt import text_of
from grammar.golang.numbers import parse_bool, parse_int, parse_separated_float, plain_float
from grammar.golang.quoting import quote
from grammar.tickscript.literals import format_duration, parse_duration
from services.columns.column import BoolArray, FloatArray
from services.expressions.typed.integers import truncate, truncate_array, wrap
from services.expressions.typed.signatures import Checked, Function, TypedOperation
from services.expressions.typed.types import Array, EvaluationFailed, ValueType

T = TypeVar("T")
FLOAT, INT, STRING, BOOL = ValueType.FLOAT, ValueType.INT, ValueType.STRING, ValueType.BOOL
DURATION = ValueType.DURATION


def _same(value: Any) -> Any:
    return value


def _bool_of_string(text: str) -> bool:
    return _read("ParseBool", parse_bool, text)


def _bool_of_number(value: float) -> bool:
    if value == 0 or value == 1:
        return value == 1
    raise EvaluationFailed(f"cannot convert {text_of(value)} to boolean")


def _bools_of_numbers(values: Array) -> Checked:
    one: BoolArray = values == 1
    bad: BoolArray = ~(one | (values == 0))
    return one, bad if bad.any() else None


def _int_of_string(text: str) -> int:
    return _read("ParseInt", parse_int, text)


def _float_of_string(text: str) -> float:
    return _read("ParseFloat", parse_separated_float, text)


def _read(name: str, reader: Callable[[str], T], text: str) -> T:
    """What a reader of strconv's makes of a text. Raises EvaluationFailed, in Go's words, where it has no value."""
    try:
        return reader(text)
    except ValueError as error:
        raise EvaluationFailed(f"strconv.{name}: parsing {quote(text)}: {error}") from None


def _ints_as_floats(values: Array) -> FloatArray:
    return values.astype(np.float64)


def _duration_of_string(text: str, unit: int) -> int:
    try:
        return parse_duration(text)
    except ValueError:
        raise EvaluationFailed(f"invalid duration string {quote(text)}") from None


_NUMBER_TO_BOOL = TypedOperation(BOOL, _bool_of_number, checked=_bools_of_numbers, fallible=True)

FUNCTIONS = (
    Function(
        "bool",
        "A string, int or float as a boolean. Fails for other numbers than 0 and 1 and for other texts than Go's.",
        {
            (BOOL,): TypedOperation(BOOL, _same, _same),
            (STRING,): TypedOperation(BOOL, _bool_of_string, fallible=True),
            (INT,): _NUMBER_TO_BOOL,
            (FLOAT,): _NUMBER_TO_BOOL,
        },
    ),
    Function(
        "int",
        "A boolean, string or float as an int. Floats are cut off towards zero; fails for a text that is no int.",
        {
            (BOOL,): TypedOperation(INT, int, lambda values: values.astype(np.int64)),
            (STRING,): TypedOperation(INT, _int_of_string, fallible=True),
            (INT,): TypedOperation(INT, _same, _same),
            (FLOAT,): TypedOperation(INT, truncate, truncate_array),
        },
    ),
    Function(
        "float",
        "A boolean, string or int as a float. Fails for a text that is no number.",
        {
            (BOOL,): TypedOperation(FLOAT, float, _ints_as_floats),
            (STRING,): TypedOperation(FLOAT, _float_of_string, fallible=True),
            (INT,): TypedOperation(FLOAT, float, _ints_as_floats),
            (FLOAT,): TypedOperation(FLOAT, _same, _same),
        },
    ),
    Function(
        "string",
        "Any value as text: floats without exponent, durations in their largest whole unit.",
        {
            (BOOL,): TypedOperation(STRING, lambda value: "true" if value else "false"),
            (STRING,): TypedOperation(STRING, _same, _same),
            (INT,): TypedOperation(STRING, str),
            (FLOAT,): TypedOperation(STRING, plain_float),
            (DURATION,): TypedOperation(STRING, format_duration),
        },
    ),
    Function(
        "duration",
        "A number times a unit, or a text such as '1h30m', as a duration.",
        {
            (DURATION,): TypedOperation(DURATION, _same, _same),
            (INT, DURATION): TypedOperation(DURATION, lambda value, unit: wrap(value * unit), np.multiply),
            (FLOAT, DURATION): TypedOperation(
                DURATION,
                lambda value, unit: truncate(value * float(unit)),
                lambda value, unit: truncate_array(np.multiply(value, unit, dtype=np.float64)),
                noisy=True,
            ),
            (STRING, DURATION): TypedOperation(DURATION, _duration_of_string, fallible=True),
        },
    ),
)
