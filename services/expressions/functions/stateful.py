"""Functions that remember the points of their group: count, sigma, spread and rand."""

from __future__ import annotations

import math
from typing import Any

from services.expressions.typed.signatures import Function, StatefulOperation
from services.expressions.typed.types import ValueType


def _count(state: list[Any]) -> int:
    state[0] += 1
    number: int = state[0]
    return number


def _sigma(state: list[Any], value: float) -> float:
    n, mean, squares = state
    n += 1.0
    delta = value - mean
    mean += delta / n
    squares += delta * (value - mean)
    state[:] = n, mean, squares
    if n < 2:
        return 0.0
    variance = squares / (n - 1)
    return 0.0 if variance == 0 else abs(value - mean) / math.sqrt(variance)


def _spread(state: list[Any], value: float) -> float:
    if value < state[0]:
        state[0] = value
    if value > state[1]:
        state[1] = value
    width: float = state[1] - state[0]
    return width


def _rand(state: list[Any]) -> int:
    return _next(state) & _INT64_MAX


def _rand_below(state: list[Any], bound: int) -> int:
    """At least 0 and below `bound`, by the high word of a product, as the reference scales its numbers."""
    return (_next(state) * (bound & _WORD) >> 64) & _INT64_MAX


def _next(state: list[Any]) -> int:
    """The next number of a group's sequence (splitmix64 over a count): a replay has to draw the same numbers again."""
    state[0] += 1
    z = state[0] * 0x9E3779B97F4A7C15 & _WORD
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _WORD
    number: int = z ^ z >> 31
    return number


_WORD, _INT64_MAX = 2**64 - 1, 2**63 - 1

FUNCTIONS = (
    Function(
        "count",
        "How often it has been evaluated in this group, this time included.",
        {(): StatefulOperation(ValueType.INT, lambda: [0], _count)},
    ),
    Function(
        "sigma",
        "How many standard deviations the value is from the running mean of its group.",
        {(ValueType.FLOAT,): StatefulOperation(ValueType.FLOAT, lambda: [0.0, 0.0, 0.0], _sigma)},
    ),
    Function(
        "spread",
        "The width of the range of all values of the group so far.",
        {(ValueType.FLOAT,): StatefulOperation(ValueType.FLOAT, lambda: [math.inf, -math.inf], _spread)},
    ),
    Function(
        "rand",
        "A random int, at least 0; with an argument below it. Each group has a sequence, which a replay repeats.",
        {
            (): StatefulOperation(ValueType.INT, lambda: [0], _rand),
            (ValueType.INT,): StatefulOperation(ValueType.INT, lambda: [0], _rand_below),
        },
    ),
)
