"""Rows put together by group: a sort by counting, since groups are small numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.kernels.compiled import compiled

_ORDER = "Tuple((int64[::1], int64[::1], int64[::1], int32[::1]))"
_WIDE = 64  # so many numbers, and four times as many as there are rows, are counted by an array


def ordered(group: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.int32]]:
    """A stable sort of rows by group: int32[n] or int64[n] in.

    Gives the rows in order (intp[n]), where each group begins among these and ends (intp[g]), and the groups' numbers,
    ascending (int32[g]).
    """
    if len(group) == 1:
        first = np.zeros(1, dtype=np.int64)
        return first, first, np.ones(1, dtype=np.int64), group.astype(np.int32)
    found = counted(group.astype(np.int64, copy=False))
    if len(found[0]) == len(group):
        return found
    order = np.argsort(group, kind="stable")
    by = group[order]
    starts = np.flatnonzero(np.append(True, by[1:] != by[:-1]))
    return order, starts, np.append(starts[1:], len(by)), by[starts].astype(np.int32)


@compiled(f"{_ORDER}(Array(int64, 1, 'A', True))")
def counted(
    group: NDArray[Any],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """As `ordered`; nothing where the numbers lie so far apart that counting them all takes longer than sorting."""
    n = len(group)
    none, no_group = np.empty(0, np.int64), np.empty(0, np.int32)
    if n == 0:
        return none, none, none, no_group
    low, high = group[0], group[0]
    for number in group:
        low, high = min(low, number), max(high, number)
    if high - low > 4 * n + _WIDE:
        return none, none, none, no_group
    place = np.zeros(high - low + 1, np.int64)
    for number in group:
        place[number - low] += 1
    groups = 0
    for count in place:
        groups += count > 0
    order, starts, ends = np.empty(n, np.int64), np.empty(groups, np.int64), np.empty(groups, np.int64)
    numbers = np.empty(groups, np.int32)
    at = k = 0
    for i in range(len(place)):
        count = place[i]
        if count > 0:
            starts[k], ends[k], numbers[k] = at, at + count, low + i
            k += 1
        place[i] = at
        at += count
    for row in range(n):
        number = group[row] - low
        order[place[number]] = row
        place[number] += 1
    return order, starts, ends, numbers
