"""if and isPresent."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.expressions.typed.signatures import Function, TypedOperation
from services.expressions.typed.types import DTYPE_OF_TYPE, Array, ValueType


def _choose(condition: bool, yes: Any, no: Any) -> Any:
    return yes if condition else no


def _if(type_: ValueType) -> TypedOperation:
    dtype = DTYPE_OF_TYPE[type_]

    def choose(condition: Any, yes: Any, no: Any) -> Array:
        # numpy would make fixed-width text of two constant strings.
        return np.where(condition, np.asarray(yes, dtype=dtype), np.asarray(no, dtype=dtype))

    return TypedOperation(type_, _choose, choose)


_PRESENT = TypedOperation(ValueType.BOOL, lambda value: True, lambda values: np.ones(len(values), dtype=np.bool_))

_BRANCHES = (
    ValueType.FLOAT,
    ValueType.INT,
    ValueType.STRING,
    ValueType.BOOL,
    ValueType.REGEX,
    ValueType.TIME,
    ValueType.DURATION,
)

FUNCTIONS = (
    Function(
        "if",
        "The second argument where the first is true, else the third. Both are of one type, and evaluated: it fails "
        "where either does.",
        {(ValueType.BOOL, type_, type_): _if(type_) for type_ in _BRANCHES},
    ),
    Function(
        "isPresent",
        "Whether the point has a field or tag of this name.",
        {
            (ValueType.MISSING,): TypedOperation(ValueType.BOOL, lambda value: False),
            (ValueType.BOOL,): _PRESENT,
            (ValueType.STRING,): _PRESENT,
            (ValueType.INT,): _PRESENT,
            (ValueType.FLOAT,): _PRESENT,
        },
    ),
)
