"""Which points of groups trigger an alert, and how long it has lasted then, point by point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, IntArray, Rows
from services.kernels.compiled import compiled

OK = 0
_MOST, _LEAST = 2**63 - 1, -(2**63)
_INTS, _LEVELS = "Array(int64, 1, 'A', True)", "Array(int8, 1, 'A', True)"


@compiled("int64(int64, int64)")
def passed(time: int, since: int) -> int:
    """As services.columns.times.elapsed."""
    by = time - since
    if ((time ^ since) & (time ^ by)) < 0:
        return _LEAST if time < 0 else _MOST
    return by


@compiled(
    f"Tuple((bool_[::1], int64[::1]))({_LEVELS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, "
    "int8[::1], int64[::1], int64[::1], bool_, int64)"
)
def decided(
    level: NDArray[np.int8],
    time: IntArray,
    order: Rows,
    starts: Rows,
    ends: Rows,
    groups: IntArray,
    stands: NDArray[np.int8],
    first: IntArray,
    last: IntArray,
    changes_only: bool,
    pause: int,
) -> tuple[BoolArray, IntArray]:
    """Which points trigger (bool[n]), and for how long the alert has lasted then (int64[n] ns).

    level: int8[n], time: int64[n] ns. order, starts, ends, groups: as in GroupOrder, by local group. stands, first,
    last: each group's level, and when its alert began and last triggered (ns); brought forward here. pause: ns after
    which an unchanged level triggers again, 0 never.
    """
    triggered, lasted = np.zeros(len(level), np.bool_), np.zeros(len(level), np.int64)
    for k in range(len(groups)):
        group = groups[k]
        for at in range(starts[k], ends[k]):
            row = order[at]
            now, before = level[row], stands[group]
            stands[group] = now
            if before == OK and now != OK:
                first[group] = time[row]
            if now == before:
                expired = pause != 0 and passed(time[row], last[group]) >= pause
                if now == OK or (changes_only and not expired):
                    continue
            last[group] = time[row]
            triggered[row] = True
            lasted[row] = passed(time[row], first[group])
    return triggered, lasted
