"""What an expression means once the type of every reference is known: terms whose types are fixed.

Two back ends run terms: `vector` over arrays, `scalar` row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.expressions.typed.signatures import StatefulOperation, TypedOperation
from services.expressions.typed.types import ValueType


@dataclass(frozen=True, slots=True)
class Constant:
    """One value for all rows."""

    type: ValueType
    value: Any


@dataclass(frozen=True, slots=True)
class Lookup:
    """The value of the reference with this index."""

    type: ValueType
    index: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference that the rows lack. It stands only where a function may take it, and never runs."""

    name: str
    type: ValueType = ValueType.MISSING


@dataclass(frozen=True, slots=True)
class Clock:
    """The run's clock."""

    type: ValueType = ValueType.TIME


@dataclass(frozen=True, slots=True)
class Fails:
    """What has a type but no value: evaluating it fails every row. A short circuit may spare it."""

    type: ValueType
    reason: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation on terms. `function`: the function's name, "" for an operator."""

    type: ValueType
    operation: TypedOperation
    operands: tuple[Term, ...]
    function: str = ""


@dataclass(frozen=True, slots=True)
class Remember:
    """A call of a stateful function. All calls of one function in an expression share its state."""

    type: ValueType
    operation: StatefulOperation
    operands: tuple[Term, ...]
    function: str


@dataclass(frozen=True, slots=True)
class Logic:
    """AND or OR of booleans: where the left side decides, the right is not evaluated."""

    conjunction: bool
    left: Term
    right: Term
    type: ValueType = ValueType.BOOL


Term = Constant | Lookup | Missing | Clock | Fails | Apply | Remember | Logic
