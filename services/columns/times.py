"""Reckoning with times as the reference does it: rounding, on multiples counted from the year 1, and differences."""

from __future__ import annotations

from typing import overload

import numpy as np

from services.columns.column import IntArray

_YEAR_1 = 62_135_596_800 * 10**9  # ns from the year 1 to 1970; past int64, so only its remainder enters arrays


@overload
def truncate(time: int, step: int) -> int: ...
@overload
def truncate(time: IntArray, step: int) -> IntArray: ...
def truncate(time: IntArray | int, step: int) -> IntArray | int:
    """The last multiple of `step` ns that is not after `time`. A step of 0 or less changes nothing."""
    if step <= 0:
        return time
    return time - (time % step + year_1_past(step)) % step


def year_1_past(step: int) -> int:
    """By how many ns 1970 is past a multiple of `step` ns, counted from the year 1."""
    return _YEAR_1 % step


@overload
def round_half_up(time: int, step: int) -> int: ...
@overload
def round_half_up(time: IntArray, step: int) -> IntArray: ...
def round_half_up(time: IntArray | int, step: int) -> IntArray | int:
    """The multiple of `step` ns nearest to `time`, the later one of two. A step of 0 or less changes nothing."""
    if step <= 0:
        return time
    over = (time % step + _YEAR_1 % step) % step
    if isinstance(over, int):
        return time - over + (step if over + over >= step else 0)
    return time - over + np.where(over >= step - over, step, 0)


_MOST, _LEAST = 2**63 - 1, -(2**63)


@overload
def elapsed(time: int, since: int) -> int: ...
@overload
def elapsed(time: IntArray, since: IntArray) -> IntArray: ...
def elapsed(time: IntArray | int, since: IntArray | int) -> IntArray | int:
    """The time from `since` to `time`, in ns: at most (or, backwards, at least) the 292 years that int64 holds."""
    if isinstance(time, int):
        return min(max(time - int(since), _LEAST), _MOST)
    passed = time - since
    beyond = ((time ^ since) & (time ^ passed)) < 0  # of unlike signs, and the difference has not that of `time`
    return np.where(beyond, np.where(time < 0, _LEAST, _MOST), passed) if beyond.any() else passed
