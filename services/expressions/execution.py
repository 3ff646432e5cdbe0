"""A program over bound columns: whole columns at once, or, where there is state, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, Duration, IntArray, Kind
from services.expressions.binding import CODE, Binding
from services.expressions.evaluation_result import EvaluationResult
from services.expressions.memory import Memory
from services.expressions.program import MOST_REASONS, Plan, Program, Signature
from services.expressions.text_limits import bounded
from services.expressions.typed.scalar import Row
from services.expressions.typed.types import DTYPE_OF_TYPE, KIND_OF_TYPE, Array, EvaluationFailed, ValueType, array_of
from services.expressions.typed.vector import Selection

Selected = NDArray[np.intp] | None
"""Row numbers, None for all rows."""


def by_column(program: Program, bindings: Sequence[Binding], n: int, now: int) -> EvaluationResult:
    """A program without state over n rows: one numpy evaluation for each combination of types that occurs."""
    parts: list[tuple[ValueType, Array, Selected]] = []
    failed: BoolArray | None = None
    reasons: dict[str, None] = {}
    for signature, rows in classes(bindings, n):
        plan = program.plan(signature)
        bad: BoolArray | None
        if plan.reason is not None:
            bad = np.ones(n if rows is None else len(rows), dtype=np.bool_)
            reasons[plan.reason] = None
        else:
            arrays = [binding.values.get(code, _NONE) for binding, code in zip(bindings, signature, strict=True)]
            if rows is not None:
                arrays = [array if array is _NONE else array[rows] for array in arrays]
            selection = Selection(arrays, n if rows is None else len(rows), now)
            values, bad = plan.run(selection)
            if bad is None or not bad.all():
                parts.append((plan.type, values, rows))
            if bad is not None:
                reasons.update(dict.fromkeys(plan.reasons(selection, bad)))
        if bad is not None and bad.any():
            if failed is None:
                failed = np.zeros(n, dtype=np.bool_)
            failed[_index(rows)] = bad
    return EvaluationResult(_assemble(parts, n), failed, tuple(reasons)[:MOST_REASONS])


def row_by_row(
    program: Program, bindings: Sequence[Binding], n: int, now: int, group: IntArray | None, memory: Memory
) -> EvaluationResult:
    """A program over n rows in order, each with its group's memory (group None: one for all)."""
    plans: list[Plan] = []
    plan_of_row = np.zeros(n, dtype=np.intp)
    columns: list[list[Any]] = [[None] * n for _ in bindings]
    for signature, rows in classes(bindings, n):
        plan_of_row[_index(rows)] = len(plans)
        plans.append(program.plan(signature))
        for i, (binding, code) in enumerate(zip(bindings, signature, strict=True)):
            if code not in binding.values:
                continue
            if rows is None:
                columns[i] = binding.values[code].tolist()
                continue
            for at, value in zip(rows.tolist(), binding.values[code][rows].tolist(), strict=True):
                columns[i][at] = value
    results: list[Any] = [None] * n
    failed: list[int] = []
    reasons: dict[str, None] = {}
    runs = [plan.scalar for plan in plans]
    values: Iterable[tuple[Any, ...]] = zip(*columns, strict=True) if columns else repeat((), n)
    row = Row((), now)
    size = 0
    memories = memory.of_rows(n, group)
    for i, (number, row.values, row.memory) in enumerate(zip(plan_of_row.tolist(), values, memories, strict=True)):
        try:
            value = results[i] = runs[number](row)
            if value.__class__ is str:
                size += len(value)
                bounded(size)
        except EvaluationFailed as failure:
            failed.append(i)
            if len(reasons) < MOST_REASONS:
                reasons[str(failure)] = None
    mask = np.zeros(n, dtype=np.bool_)
    mask[failed] = True
    parts = []
    for number, plan in enumerate(plans):
        good = np.flatnonzero((plan_of_row == number) & ~mask)
        if len(good):
            parts.append((plan.type, array_of(plan.type, [results[i] for i in good.tolist()]), good))
    return EvaluationResult(_assemble(parts, n), mask if failed else None, tuple(reasons))


def classes(bindings: Sequence[Binding], n: int) -> list[tuple[Signature, Selected]]:
    """The rows by the types of their references: each signature that occurs, with its rows."""
    number = np.zeros(n, dtype=np.intp)
    count = 1
    for binding in bindings:
        if not isinstance(binding.code, int):
            number, count = _dense(number * len(CODE) + binding.code)
    if count == 1:
        return [(_signature(bindings, 0), None)]
    return [(_signature(bindings, int(rows[0])), rows) for rows in (np.flatnonzero(number == i) for i in range(count))]


def _signature(bindings: Sequence[Binding], row: int) -> Signature:
    return tuple(b.code if isinstance(b.code, int) else int(b.code[row]) for b in bindings)


def _dense(numbers: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """Small numbers renumbered without gaps, in their order, and how many there are."""
    occurs = np.bincount(numbers) > 0
    return (np.cumsum(occurs) - 1)[numbers], int(occurs.sum())


def _assemble(parts: Sequence[tuple[ValueType, Array, Selected]], n: int) -> Column | None:
    """One column of n rows out of the results over some of them; MIXED where types differ."""
    if not parts:
        return None
    type_, values, rows = parts[0]
    if len(parts) == 1 and rows is None:
        return Column(KIND_OF_TYPE[type_], values)
    if all(part[0] is type_ for part in parts):
        column = np.zeros(n, dtype=DTYPE_OF_TYPE[type_])
        if type_ is ValueType.STRING:
            column[:] = ""
        for _, values, rows in parts:
            column[_index(rows)] = values
        return Column(KIND_OF_TYPE[type_], column)
    mixed = np.empty(n, dtype=np.object_)
    mixed[:] = 0.0
    for type_, values, rows in parts:
        python = values.tolist()
        if type_ is ValueType.DURATION:
            python = list(map(Duration, python))
        mixed[_index(rows)] = np.fromiter(python, dtype=np.object_, count=len(python))
    return Column(Kind.MIXED, mixed)


def _index(rows: Selected) -> NDArray[np.intp] | slice:
    return slice(None) if rows is None else rows


_NONE: Array = np.empty(0, dtype=np.float64)
"""Stands for the values of a reference that the rows lack; nothing reads it."""
