"""Bessel functions of integer order, from the C library: neither Python nor numpy has them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from services.expressions.typed.types import EvaluationFailed

HIGHEST_ORDER = 100_000
"""The library's time grows with the order; no script may hold up a worker with it."""


def first_kind(order: int, x: float) -> float:
    """J of an order at x. Far beyond x it is 0, without the recurrence over all orders between."""
    if math.isnan(x):
        return math.nan
    if math.isinf(x):
        return 0.0
    if _vanishes(order, x):
        return 0.0
    return float(_library("jn")(_order(order), x))


def second_kind(order: int, x: float) -> float:
    """Y of an order at x: NaN below 0, -Inf at 0 (Inf for odd negative orders)."""
    if math.isnan(x) or x < 0:
        return math.nan
    if math.isinf(x):
        return 0.0
    if x == 0 or _vanishes(order, x):
        return math.inf if order < 0 and order % 2 else -math.inf
    return float(_library("yn")(_order(order), x))


def _vanishes(order: int, x: float) -> bool:
    # J is at most (x/2)^n / n!, which from here on is below the smallest float.
    return abs(order) > 2000 and abs(order) > 2 * abs(x)


def _order(order: int) -> int:
    if abs(order) > HIGHEST_ORDER:
        raise EvaluationFailed(f"order {order} is beyond {HIGHEST_ORDER}")
    return order


@lru_cache(maxsize=2)
def _library(name: str) -> Callable[[int, float], Any]:
    for library in (None, "libm.so.6", "libm.dylib"):
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_double
        function.argtypes = (ctypes.c_int, ctypes.c_double)
        found: Callable[[int, float], Any] = function
        return found
    raise EvaluationFailed(f"this machine's C library has no function {name}")
