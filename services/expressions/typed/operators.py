"""TICKscript's operators: which operand types each takes, and what it does with them.

As in Kapacitor, ints and floats compare with each other but never meet in arithmetic.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from services.expressions.text_limits import all_joined, joined
from services.expressions.typed import integers
from services.expressions.typed.integers import divide, divide_arrays, truncate, truncate_array, wrap
from services.expressions.typed.signatures import TypedOperation
from services.expressions.typed.types import Array, ValueType

FLOAT, INT, STRING, BOOL = ValueType.FLOAT, ValueType.INT, ValueType.STRING, ValueType.BOOL
DURATION, REGEX = ValueType.DURATION, ValueType.REGEX

LOGICAL = ("AND", "OR")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "=~", "!~")

Key = tuple[str, ValueType, ValueType]


def binary(symbol: str, left: ValueType, right: ValueType) -> TypedOperation | None:
    """The operation of `left symbol right`, None where there is none. AND and OR are not here: they short-circuit."""
    return BINARY.get((symbol, left, right))


def unary(symbol: str, operand: ValueType) -> TypedOperation | None:
    """The operation of `!x` or `-x`. Minus on a boolean is not, as in Kapacitor."""
    return UNARY.get((symbol, operand))


def mismatch(symbol: str, left: ValueType, right: ValueType) -> str:
    """Kapacitor's text for an operator that does not take these types."""
    if symbol not in _SYMBOLS.get(left, frozenset()):
        kind = "logical" if symbol in LOGICAL else "comparison" if symbol in COMPARISONS else "math"
        return f"invalid {kind} operator {symbol} for type {left.value}"
    return (
        f"mismatched type to binary operator. got {left.value} {symbol} {right.value}. "
        "see bool(), int(), float(), string(), duration()"
    )


def _divide_floats(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _floats_compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    # An int meets a float as a float, as Go converts it; Python would compare them exactly.
    return lambda a, b: compare(float(a), float(b))


def _scaled(a: Any, b: Any) -> Array:
    return truncate_array(np.multiply(a, b, dtype=np.float64))


def _matches(text: str, pattern: Any) -> bool:
    found: bool = pattern.matches(text)
    return found


def _matches_all(text: Any, pattern: Any) -> Array:
    if not isinstance(text, np.ndarray) or isinstance(pattern, np.ndarray):
        texts = text.tolist() if isinstance(text, np.ndarray) else [text] * len(pattern)
        return np.array([_matches(t, p) for t, p in zip(texts, pattern.tolist(), strict=True)], dtype=np.bool_)
    texts = text.tolist()
    # Texts repeat, tags above all: a look-up costs a tenth of a match.
    found = {t: pattern.matches(t) for t in set(texts)}
    return np.array([found[t] for t in texts], dtype=np.bool_)


def _comparisons() -> dict[Key, TypedOperation]:
    orders: dict[str, Callable[[Any, Any], Any]] = {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
    found: dict[Key, TypedOperation] = {}
    for symbol, compare in orders.items():
        same = TypedOperation(BOOL, compare, compare)
        for type_ in (FLOAT, INT, STRING, DURATION):
            found[symbol, type_, type_] = same
        crossed = TypedOperation(BOOL, _floats_compared(compare), compare)
        found[symbol, INT, FLOAT] = found[symbol, FLOAT, INT] = crossed
        if symbol in ("==", "!="):
            found[symbol, BOOL, BOOL] = same
    found["=~", STRING, REGEX] = TypedOperation(BOOL, _matches, _matches_all)
    found["!~", STRING, REGEX] = TypedOperation(
        BOOL, lambda text, pattern: not _matches(text, pattern), lambda text, pattern: ~_matches_all(text, pattern)
    )
    return found


def _arithmetic() -> dict[Key, TypedOperation]:
    found: dict[Key, TypedOperation] = {}
    for symbol, function in (("+", operator.add), ("-", operator.sub), ("*", operator.mul)):
        found[symbol, FLOAT, FLOAT] = TypedOperation(FLOAT, function, function, noisy=True)

        def wrapped(a: int, b: int, function: Callable[[int, int], int] = function) -> int:
            return wrap(function(a, b))

        found[symbol, INT, INT] = TypedOperation(INT, wrapped, function)
        if symbol != "*":
            found[symbol, DURATION, DURATION] = TypedOperation(DURATION, wrapped, function)
        else:
            found[symbol, DURATION, INT] = found[symbol, INT, DURATION] = TypedOperation(DURATION, wrapped, function)
    found["/", FLOAT, FLOAT] = TypedOperation(FLOAT, _divide_floats, np.divide, noisy=True)
    quotient = TypedOperation(INT, divide, checked=divide_arrays, fallible=True, noisy=True)
    found["/", INT, INT] = found["/", DURATION, DURATION] = quotient
    found["/", DURATION, INT] = TypedOperation(DURATION, divide, checked=divide_arrays, fallible=True, noisy=True)
    found["%", INT, INT] = TypedOperation(
        INT, integers.remainder, checked=integers.remainder_arrays, fallible=True, noisy=True
    )
    scaled = TypedOperation(DURATION, lambda a, b: truncate(float(a) * float(b)), _scaled, noisy=True)
    found["*", DURATION, FLOAT] = found["*", FLOAT, DURATION] = scaled
    found["/", DURATION, FLOAT] = TypedOperation(
        DURATION,
        lambda a, b: truncate(_divide_floats(float(a), b)),
        lambda a, b: truncate_array(np.divide(a, b)),
        noisy=True,
    )
    found["+", STRING, STRING] = TypedOperation(STRING, joined, checked=all_joined, fallible=True)
    return found


BINARY: dict[Key, TypedOperation] = {**_comparisons(), **_arithmetic()}

_NOT = TypedOperation(BOOL, operator.not_, np.logical_not)

UNARY: dict[tuple[str, ValueType], TypedOperation] = {
    ("!", BOOL): _NOT,
    ("-", BOOL): _NOT,
    ("-", FLOAT): TypedOperation(FLOAT, operator.neg, operator.neg),
    ("-", INT): TypedOperation(INT, lambda a: wrap(-a), operator.neg),
    ("-", DURATION): TypedOperation(DURATION, lambda a: wrap(-a), operator.neg),
}


def _symbols() -> dict[ValueType, frozenset[str]]:
    found: dict[ValueType, set[str]] = {BOOL: set(LOGICAL)}
    for symbol, left, right in BINARY:
        found.setdefault(left, set()).add(symbol)
        found.setdefault(right, set()).add(symbol)
    return {type_: frozenset(symbols) for type_, symbols in found.items()}


_SYMBOLS = _symbols()
