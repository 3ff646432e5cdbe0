"""humanBytes."""

from __future__ import annotations

import math

from services.expressions.typed.integers import truncate
from services.expressions.typed.signatures import Function, TypedOperation
from services.expressions.typed.types import ValueType

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def _human_bytes(count: int) -> str:
    """The size in the largest decimal unit: one decimal below 10, none above. A negative int wraps to unsigned."""
    count &= 2**64 - 1
    if count < 10:
        return f"{count} B"
    exponent = int(math.log(count) / math.log(1000))
    value = math.floor(count / 1000.0**exponent * 10 + 0.5) / 10
    return f"{value:.1f} {_UNITS[exponent]}" if value < 10 else f"{value:.0f} {_UNITS[exponent]}"


def _human_bytes_of_float(count: float) -> str:
    # A float from 2^63 on still fits an unsigned int.
    if 2.0**63 <= count < 2.0**64:
        return _human_bytes(int(count))
    return _human_bytes(truncate(count))


FUNCTIONS = (
    Function(
        "humanBytes",
        "A number of bytes as people read it: 83 MB.",
        {
            (ValueType.INT,): TypedOperation(ValueType.STRING, _human_bytes),
            (ValueType.FLOAT,): TypedOperation(ValueType.STRING, _human_bytes_of_float),
        },
    ),
)
