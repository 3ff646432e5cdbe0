"""A field's values at some rows, spread over the runs that the rows belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray, Kind, Rows, concat
from services.kernels.compiled import compiled

_KINDS = (Kind.FLOAT, Kind.INT, Kind.DURATION, Kind.TIME)
_EVERY = np.empty(0, dtype=np.bool_)


def spread(parts: Sequence[tuple[Rows, Column]], run: IntArray, runs: int) -> Column:
    """One field over the runs, out of columns and the rows of each that count; the last row of a run stays.

    run: int64[n], the run of each row. Rows of a part ascend, and each of their columns has n rows.
    """
    if len(parts) == 1 and parts[0][1].kind in _KINDS:
        rows, column = parts[0]
        valid = _EVERY if column.valid is None else column.valid
        values, there = last_of_runs(column.values, valid, rows, run, runs)
        return Column(column.kind, values, None if there.all() else there)
    chosen = [rows if column.valid is None else rows[column.valid[rows]] for rows, column in parts]
    rows = np.concatenate(chosen)
    whole = concat([c.take(mine) for mine, (_, c) in zip(chosen, parts, strict=True)], [len(r) for r in chosen])
    order = np.argsort(rows, kind="stable")
    there = np.zeros(runs, dtype=np.bool_)
    there[run[rows]] = True
    values = np.zeros(runs, dtype=whole.values.dtype)
    values[run[rows[order]]] = whole.values[order]
    return Column(whole.kind, values, None if there.all() else there)


_ROWS = "Array(int64, 1, 'A', True)"
_MASK = "Array(bool_, 1, 'A', True)"


@compiled(
    f"Tuple((float64[::1], bool_[::1]))(Array(float64, 1, 'A', True), {_MASK}, {_ROWS}, {_ROWS}, int64)",
    f"Tuple((int64[::1], bool_[::1]))({_ROWS}, {_MASK}, {_ROWS}, {_ROWS}, int64)",
)
def last_of_runs(
    values: NDArray[Any], valid: BoolArray, rows: Rows, run: IntArray, runs: int
) -> tuple[NDArray[Any], BoolArray]:
    """Of each run the last value among the rows (valid: bool[n], or of no length where all are), and which have one."""
    out, there = np.zeros(runs, values.dtype), np.zeros(runs, np.bool_)
    for row in rows:
        if len(valid) == 0 or valid[row]:
            out[run[row]], there[run[row]] = values[row], True
    return out, there
