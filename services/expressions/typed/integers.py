"""Arithmetic on 64-bit integers as Go does it: wrapping around, dividing towards zero. Scalars and arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from services.columns.column import BoolArray, FloatArray, IntArray
from services.expressions.typed.types import Array, EvaluationFailed

MIN = -(2**63)
MAX = 2**63 - 1
_MASK = 2**64 - 1

DIVIDE_BY_ZERO = "runtime error: integer divide by zero"


def wrap(value: int) -> int:
    """The int64 that the low 64 bits of `value` are."""
    if MIN <= value <= MAX:
        return value
    return ((value - MIN) & _MASK) + MIN


def divide(a: int, b: int) -> int:
    """a / b towards zero. Raises EvaluationFailed for b == 0; MIN / -1 is MIN."""
    if b == 0:
        raise EvaluationFailed(DIVIDE_BY_ZERO)
    quotient = abs(a) // abs(b)
    return wrap(quotient if (a < 0) == (b < 0) else -quotient)


def remainder(a: int, b: int) -> int:
    """What `divide` leaves: it has the sign of a. Raises EvaluationFailed for b == 0."""
    if b == 0:
        raise EvaluationFailed(DIVIDE_BY_ZERO)
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def truncate(value: float) -> int:
    """A float as int64, towards zero; what does not fit (NaN, too large) is MIN, as on amd64."""
    if math.isnan(value) or not -(2.0**63) <= value < 2.0**63:
        return MIN
    return int(value)


def divide_arrays(a: Any, b: Any) -> tuple[IntArray, BoolArray | None]:
    """`divide` over int64[n] arrays (one of them may be a Python int); the mask tells where b is 0."""
    b, zero = _without_zeros(a, b)
    quotient = np.floor_divide(a, b)
    rest = a - quotient * b
    quotient += (rest != 0) & ((np.less(a, 0)) != (np.less(b, 0)))
    return quotient, zero


def remainder_arrays(a: Any, b: Any) -> tuple[IntArray, BoolArray | None]:
    """`remainder` over int64[n] arrays (one of them may be a Python int); the mask tells where b is 0."""
    b, zero = _without_zeros(a, b)
    return np.fmod(a, b), zero


def truncate_array(values: FloatArray) -> IntArray:
    """`truncate` over float64[n]."""
    fits = (values >= -(2.0**63)) & (values < 2.0**63)
    if fits.all():
        return values.astype(np.int64)
    return np.where(fits, np.where(fits, values, 0.0).astype(np.int64), MIN)


def _without_zeros(a: Any, b: Any) -> tuple[Any, BoolArray | None]:
    if not isinstance(b, np.ndarray):
        return (b, None) if b != 0 else (1, np.ones(len(a), dtype=np.bool_))
    zero: Array = b == 0
    return (np.where(zero, 1, b), zero) if zero.any() else (b, None)
