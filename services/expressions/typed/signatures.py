"""What an operator or a function does for one set of operand types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.column import BoolArray
from services.expressions.typed.types import Array, ValueType

Checked = tuple[Array, BoolArray | None]
"""A result over rows, and where it failed (None: nowhere)."""


@dataclass(frozen=True, slots=True)
class TypedOperation:
    """One operation on operands of fixed types.

    scalar: the operation on Python values (durations and times are plain ints). Raises EvaluationFailed if `fallible`.
    vector: the same over rows. Operands are arrays, or Python values where they are constant (never all of them).
    checked: in place of `vector` where rows can fail; gives the failed ones as a mask.
    Without either, `scalar` is called row by row.
    noisy: the numpy form may warn (of NaN and the like), which is to be silenced.
    """

    result: ValueType
    scalar: Callable[..., Any]
    vector: Callable[..., Any] | None = None
    checked: Callable[..., Checked] | None = None
    fallible: bool = False
    noisy: bool = False


@dataclass(frozen=True, slots=True)
class StatefulOperation:
    """An operation that remembers. `start` gives a group's first state, `step` changes it and gives the result."""

    result: ValueType
    start: Callable[[], list[Any]]
    step: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that lambdas may call: what it takes, by the types of its arguments, and what it is for."""

    name: str
    doc: str
    signatures: dict[tuple[ValueType, ...], TypedOperation | StatefulOperation]

    @property
    def stateful(self) -> bool:
        """Whether a call changes something that later calls see."""
        return any(isinstance(operation, StatefulOperation) for operation in self.signatures.values())


def of_ufunc(ufunc: Callable[..., Any], result: ValueType = ValueType.FLOAT) -> TypedOperation:
    """An operation that numpy has, over floats. Its scalar form is the same code, so that both agree exactly."""

    def scalar(*operands: float) -> float:
        with np.errstate(all="ignore"):
            return float(ufunc(*operands))

    return TypedOperation(result, scalar, ufunc, noisy=True)
