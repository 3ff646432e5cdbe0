"""Strings of bytes in arrays, for kernels. Both read up to seven bytes behind their end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.kernels.compiled import inlined
from services.kernels.primitives import word

_ONE, _BYTE, _HALF = np.uint64(1), np.uint64(8), np.uint64(32)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@inlined
def hash_of(data: NDArray[np.uint8], begin: int, length: int, seed: Any) -> Any:
    """A uint64 of so many bytes, which nobody can foresee who does not know the seed (a uint64)."""
    state = seed ^ np.uint64(length)
    at, end = begin, begin + length
    while at < end:
        bits = word(data, at)
        if end - at < 8:
            bits &= (_ONE << (_BYTE * np.uint64(end - at))) - _ONE
        state = (state ^ bits) * _FACTOR
        state ^= state >> _HALF
        at += 8
    return state


@inlined
def same_bytes(data: NDArray[np.uint8], at: int, other: NDArray[np.uint8], begin: int, length: int) -> bool:
    """Whether so many bytes of one array, from `at` on, are those of another, from `begin` on."""
    offset = 0
    same = True
    while same and length - offset >= 8:
        same = word(data, at + offset) == word(other, begin + offset)
        offset += 8
    if same and length > offset:
        differ = word(data, at + offset) ^ word(other, begin + offset)
        same = differ & ((_ONE << (_BYTE * np.uint64(length - offset))) - _ONE) == 0
    return same
