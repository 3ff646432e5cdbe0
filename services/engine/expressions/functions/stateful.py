"""Functions that remember the points of their group: count, sigma and spread."""

from __future__ import annotations

import math
from typing import Any

from services.engine.expressions.operations import Function, StatefulOperation
from services.engine.expressions.types import ValueType


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
)
