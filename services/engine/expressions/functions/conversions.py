"""Conversions: bool, int, float, string and duration."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from grammar.tickscript.literals import format_duration, parse_duration
from services.engine.column import BoolArray, FloatArray
from services.engine.expressions.gotext import float_text, plain_float, quoted
from services.engine.expressions.integers import MAX, MIN, truncate, truncate_array, wrap
from services.engine.expressions.operations import Checked, Function, Operation
from services.engine.expressions.types import Array, Failure, ValueType

FLOAT, INT, STRING, BOOL = ValueType.FLOAT, ValueType.INT, ValueType.STRING, ValueType.BOOL
DURATION = ValueType.DURATION

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)


def _same(value: Any) -> Any:
    return value


def _bool_of_string(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Failure(f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax")


def _bool_of_number(value: float) -> bool:
    if value == 0 or value == 1:
        return value == 1
    text = float_text(value) if isinstance(value, float) else str(value)
    raise Failure(f"cannot convert {text} to boolean")


def _bools_of_numbers(values: Array) -> Checked:
    one: BoolArray = values == 1
    bad: BoolArray = ~(one | (values == 0))
    return one, bad if bad.any() else None


def _int_of_string(text: str) -> int:
    # Go refuses what does not fit, whatever its length; 20 digits tell without reading them all.
    if not _INT.fullmatch(text):
        raise Failure(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    digits = text.lstrip("+-").lstrip("0")
    value = int(digits or "0") * (-1 if text[0] == "-" else 1) if len(digits) < 20 else MAX + 1
    if not MIN <= value <= MAX:
        raise Failure(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return value


def _float_of_string(text: str) -> float:
    try:
        if _FLOAT.fullmatch(text):
            value = float(text)
        elif _HEX_FLOAT.fullmatch(text):
            value = float.fromhex(text)
        elif _INFINITY.fullmatch(text):
            return float(text)
        elif text.lower() == "nan":
            return math.nan
        else:
            raise Failure(f"strconv.ParseFloat: parsing {quoted(text)}: invalid syntax")
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise Failure(f"strconv.ParseFloat: parsing {quoted(text)}: value out of range")
    return value


def _ints_as_floats(values: Array) -> FloatArray:
    return values.astype(np.float64)


def _duration_of_string(text: str, unit: int) -> int:
    try:
        return parse_duration(text)
    except ValueError:
        raise Failure(f"invalid duration string {quoted(text)}") from None


_NUMBER_TO_BOOL = Operation(BOOL, _bool_of_number, checked=_bools_of_numbers, fallible=True)

FUNCTIONS = (
    Function(
        "bool",
        "A string, int or float as a boolean. Fails for other numbers than 0 and 1 and for other texts than Go's.",
        {
            (BOOL,): Operation(BOOL, _same, _same),
            (STRING,): Operation(BOOL, _bool_of_string, fallible=True),
            (INT,): _NUMBER_TO_BOOL,
            (FLOAT,): _NUMBER_TO_BOOL,
        },
    ),
    Function(
        "int",
        "A boolean, string or float as an int. Floats are cut off towards zero; fails for a text that is no int.",
        {
            (BOOL,): Operation(INT, int, lambda values: values.astype(np.int64)),
            (STRING,): Operation(INT, _int_of_string, fallible=True),
            (INT,): Operation(INT, _same, _same),
            (FLOAT,): Operation(INT, truncate, truncate_array),
        },
    ),
    Function(
        "float",
        "A boolean, string or int as a float. Fails for a text that is no number.",
        {
            (BOOL,): Operation(FLOAT, float, _ints_as_floats),
            (STRING,): Operation(FLOAT, _float_of_string, fallible=True),
            (INT,): Operation(FLOAT, float, _ints_as_floats),
            (FLOAT,): Operation(FLOAT, _same, _same),
        },
    ),
    Function(
        "string",
        "Any value as text: floats without exponent, durations in their largest whole unit.",
        {
            (BOOL,): Operation(STRING, lambda value: "true" if value else "false"),
            (STRING,): Operation(STRING, _same, _same),
            (INT,): Operation(STRING, str),
            (FLOAT,): Operation(STRING, plain_float),
            (DURATION,): Operation(STRING, format_duration),
        },
    ),
    Function(
        "duration",
        "A number times a unit, or a text such as '1h30m', as a duration.",
        {
            (DURATION,): Operation(DURATION, _same, _same),
            (INT, DURATION): Operation(DURATION, lambda value, unit: wrap(value * unit), np.multiply),
            (FLOAT, DURATION): Operation(
                DURATION,
                lambda value, unit: truncate(value * float(unit)),
                lambda value, unit: truncate_array(np.multiply(value, unit, dtype=np.float64)),
                noisy=True,
            ),
            (STRING, DURATION): Operation(DURATION, _duration_of_string, fallible=True),
        },
    ),
)
