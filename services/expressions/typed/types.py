"""The types that values have while a lambda is evaluated, and how a lambda fails."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import Kind

Array = NDArray[Any]


class ValueType(enum.Enum):
    """What an operand is. The values are the words of Kapacitor's messages."""

    FLOAT = "float"
    INT = "int"
    STRING = "string"
    BOOL = "boolean"
    DURATION = "duration"
    TIME = "time"
    REGEX = "regex"
    MISSING = "missing"
    COLLISION = "collision"  # of a reference only: both a field and a tag of the point have this name


class EvaluationFailed(Exception):
    """A lambda cannot be evaluated for a row; str() is the reason."""


class TooMuch(Exception):
    """A lambda or template makes more of some rows than there may be at once, which ends the task; str() says what."""


class ExpressionError(Exception):
    """A lambda that can never be evaluated, whatever the data. str() is Kapacitor's wording."""


TYPE_OF_KIND: dict[Kind, ValueType] = {
    Kind.FLOAT: ValueType.FLOAT,
    Kind.INT: ValueType.INT,
    Kind.STRING: ValueType.STRING,
    Kind.BOOL: ValueType.BOOL,
    Kind.DURATION: ValueType.DURATION,
    Kind.TIME: ValueType.TIME,
}

KIND_OF_TYPE: dict[ValueType, Kind] = {
    ValueType.FLOAT: Kind.FLOAT,
    ValueType.INT: Kind.INT,
    ValueType.STRING: Kind.STRING,
    ValueType.BOOL: Kind.BOOL,
    ValueType.DURATION: Kind.DURATION,
}
"""The types that a whole lambda may give. A time or a regex is an operand only."""

DTYPE_OF_TYPE: dict[ValueType, Any] = {
    ValueType.FLOAT: np.float64,
    ValueType.INT: np.int64,
    ValueType.STRING: np.object_,
    ValueType.BOOL: np.bool_,
    ValueType.DURATION: np.int64,
    ValueType.TIME: np.int64,
    ValueType.REGEX: np.object_,
}

ZERO_OF_TYPE: dict[ValueType, Any] = {
    ValueType.FLOAT: 0.0,
    ValueType.INT: 0,
    ValueType.STRING: "",
    ValueType.BOOL: False,
    ValueType.DURATION: 0,
    ValueType.TIME: 0,
    ValueType.REGEX: None,
}
"""What stands in rows that have failed, so that operations may run over them all the same."""


def array_of(type_: ValueType, values: list[Any]) -> Array:
    """A list of Python values of one type as an array of the dtype that this type has in columns."""
    if DTYPE_OF_TYPE[type_] is not np.object_:
        return np.array(values, dtype=DTYPE_OF_TYPE[type_])
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array


def full(type_: ValueType, value: Any, n: int) -> Array:
    """n times one value, as `array_of`."""
    array = np.empty(n, dtype=DTYPE_OF_TYPE[type_])
    array[:] = value
    return array


def unexpected(actual: str, wanted: ValueType) -> str:
    """The reference's text for an operand of another type than the operation takes."""
    return f"TypeGuard: expression returned unexpected type {actual}, expected {wanted.value}"
