"""What evaluating a lambda gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.columns.column import BoolArray, Column, Kind, Rows, kind_of
from services.expressions.typed.types import TYPE_OF_KIND, ValueType, unexpected


class EvaluationResult(NamedTuple):
    """What a lambda gives over n points.

    column: its values, unspecified in rows that failed or were not asked for; None where no row has one.
    failed: bool[n], None where no row failed. reasons: a few of the distinct error texts.
    """

    column: Column | None
    failed: BoolArray | None = None
    reasons: Sequence[str] = ()


class Truth(NamedTuple):
    """Where a condition is true: bool[n], false in failed rows too. `failed` and `reasons` as in EvaluationResult."""

    true: BoolArray
    failed: BoolArray | None = None
    reasons: Sequence[str] = ()


def spread(part: EvaluationResult, rows: Rows, n: int) -> EvaluationResult:
    """A result over some rows as one over all n."""
    column, failed = part.column, part.failed
    if column is not None:
        values = np.zeros(n, dtype=column.values.dtype)
        if values.dtype == np.object_:
            values[:] = ""
        values[rows] = column.values
        column = Column(column.kind, values)
    if failed is not None:
        failed = scattered(failed, rows, n)
    return EvaluationResult(column, failed, part.reasons)


def scattered(mask: BoolArray, rows: Rows, n: int) -> BoolArray:
    """A mask over some rows as one over all n, false elsewhere."""
    found = np.zeros(n, dtype=np.bool_)
    found[rows] = mask
    return found


def condition(result: EvaluationResult, n: int) -> Truth:
    """A result over n points as a condition: a row fails where it is no boolean."""
    column, failed = result.column, result.failed
    if column is None:
        return Truth(np.zeros(n, dtype=np.bool_), failed, result.reasons)
    if column.kind is Kind.BOOL:
        return Truth(column.values if failed is None else column.values & ~failed, failed, result.reasons)
    mixed = column.kind is Kind.MIXED
    kinds = [kind_of(value) for value in column.values.tolist()] if mixed else [column.kind] * n
    boolean = np.array([kind is Kind.BOOL for kind in kinds], dtype=np.bool_)
    usable = boolean if failed is None else boolean & ~failed
    true = np.zeros(n, dtype=np.bool_)
    true[usable] = column.values[usable].astype(np.bool_)
    others = dict.fromkeys(kind for kind in kinds if kind is not Kind.BOOL)
    reasons = [unexpected(TYPE_OF_KIND[kind].value, ValueType.BOOL) for kind in others]
    return Truth(true, ~usable, (*result.reasons, *reasons))
