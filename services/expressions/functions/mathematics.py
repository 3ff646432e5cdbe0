"""Mathematical functions of floats, with Go's answers where the argument is out of range."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from services.expressions.functions import bessel
from services.expressions.typed.signatures import Function, TypedOperation, of_ufunc
from services.expressions.typed.types import Array, ValueType

FLOAT, INT = ValueType.FLOAT, ValueType.INT


def _maximum(a: Any, b: Any) -> Array:
    # Infinity wins over NaN, and 0 over -0: the sum of two zeros has the sign that is wanted.
    larger = np.where(np.equal(a, 0) & np.equal(b, 0), np.add(a, b), np.maximum(a, b))
    return np.where(np.equal(a, np.inf) | np.equal(b, np.inf), np.inf, larger)


def _minimum(a: Any, b: Any) -> Array:
    return -_maximum(np.negative(a), np.negative(b))


def _logb(x: Any) -> Array:
    exponent = np.frexp(x)[1] - 1.0
    exponent = np.where(np.equal(x, 0), -np.inf, exponent)
    return np.where(np.isfinite(x), exponent, np.abs(x))


def _gamma(x: float) -> float:
    try:
        return math.gamma(x)
    except OverflowError:
        return math.inf if x > 0 or math.floor(x) % 2 == 0 else -math.inf
    except ValueError:
        return math.copysign(math.inf, x) if x == 0 else math.nan


def _pow10(n: int) -> float:
    return math.inf if n > 308 else 0.0 if n < -323 else float(f"1e{n}")


def _of_one(name: str, ufunc: Callable[..., Any], doc: str) -> Function:
    return Function(name, doc, {(FLOAT,): of_ufunc(ufunc)})


def _of_two(name: str, ufunc: Callable[..., Any], doc: str) -> Function:
    return Function(name, doc, {(FLOAT, FLOAT): of_ufunc(ufunc)})


def _by_value(name: str, function: Callable[[float], float], doc: str, fallible: bool = False) -> Function:
    return Function(name, doc, {(FLOAT,): TypedOperation(FLOAT, function, fallible=fallible)})


def _of_order(name: str, function: Callable[[int, float], float], doc: str) -> Function:
    return Function(name, doc, {(INT, FLOAT): TypedOperation(FLOAT, function, fallible=True)})


FUNCTIONS = (
    _of_one("abs", np.abs, "The absolute value."),
    _of_one("acos", np.arccos, "The arccosine, in radians."),
    _of_one("acosh", np.arccosh, "The inverse hyperbolic cosine."),
    _of_one("asin", np.arcsin, "The arcsine, in radians."),
    _of_one("asinh", np.arcsinh, "The inverse hyperbolic sine."),
    _of_one("atan", np.arctan, "The arctangent, in radians."),
    _of_two("atan2", np.arctan2, "The arctangent of y/x, in the quadrant of the point."),
    _of_one("atanh", np.arctanh, "The inverse hyperbolic tangent."),
    _of_one("cbrt", np.cbrt, "The cube root."),
    _of_one("ceil", np.ceil, "The least whole number that is not less."),
    _of_one("cos", np.cos, "The cosine of radians."),
    _of_one("cosh", np.cosh, "The hyperbolic cosine."),
    _by_value("erf", math.erf, "The error function."),
    _by_value("erfc", math.erfc, "One minus the error function."),
    _of_one("exp", np.exp, "e to the power of x."),
    _of_one("exp2", np.exp2, "2 to the power of x."),
    _of_one("expm1", np.expm1, "exp(x) - 1, exact near 0."),
    _of_one("floor", np.floor, "The greatest whole number that is not greater."),
    _by_value("gamma", _gamma, "The gamma function."),
    _of_two("hypot", np.hypot, "The square root of x*x + y*y."),
    _by_value("j0", lambda x: bessel.first_kind(0, x), "The Bessel function of the first kind, order 0.", True),
    _by_value("j1", lambda x: bessel.first_kind(1, x), "The Bessel function of the first kind, order 1.", True),
    _of_order("jn", bessel.first_kind, "The Bessel function of the first kind, order n."),
    _of_one("log", np.log, "The natural logarithm."),
    _of_one("log10", np.log10, "The decimal logarithm."),
    _of_one("log1p", np.log1p, "log(1 + x), exact near 0."),
    _of_one("log2", np.log2, "The binary logarithm."),
    _of_one("logb", _logb, "The binary exponent."),
    _of_two("max", _maximum, "The larger of two floats."),
    _of_two("min", _minimum, "The smaller of two floats."),
    _of_two("mod", np.fmod, "What x/y leaves, with the sign of x."),
    _of_two("pow", np.power, "x to the power of y."),
    Function("pow10", "10 to the power of an int.", {(INT,): TypedOperation(FLOAT, _pow10)}),
    _of_one("sin", np.sin, "The sine of radians."),
    _of_one("sinh", np.sinh, "The hyperbolic sine."),
    _of_one("sqrt", np.sqrt, "The square root."),
    _of_one("tan", np.tan, "The tangent of radians."),
    _of_one("tanh", np.tanh, "The hyperbolic tangent."),
    _of_one("trunc", np.trunc, "The whole part."),
    _by_value("y0", lambda x: bessel.second_kind(0, x), "The Bessel function of the second kind, order 0.", True),
    _by_value("y1", lambda x: bessel.second_kind(1, x), "The Bessel function of the second kind, order 1.", True),
    _of_order("yn", bessel.second_kind, "The Bessel function of the second kind, order n."),
)
