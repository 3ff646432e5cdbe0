"""Strings of bytes, for kernels. All read up to eight bytes behind the end of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.kernels.compiled import compiled
from services.kernels.primitives import word

_ONE, _BYTE, _HALF = np.uint64(1), np.uint64(8), np.uint64(32)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@compiled("uint64(int64, int64, int64, uint64)")
def hash_of(text: int, begin: int, length: int, seed: Any) -> Any:
    """A uint64 of so many bytes, which nobody can foresee who does not know the seed (a uint64)."""
    state = seed ^ np.uint64(length)
    at, end = begin, begin + length
    while at < end:
        bits = word(text, at)
        if end - at < 8:
            bits &= (_ONE << (_BYTE * np.uint64(end - at))) - _ONE
        state = (state ^ bits) * _FACTOR
        state ^= state >> _HALF
        at += 8
    return state


@compiled("boolean(int64, int64, int64, int64, int64)")
def same_bytes(text: int, at: int, other: int, begin: int, length: int) -> bool:
    """Whether so many bytes from `at` on are those of another text from `begin` on."""
    while length >= 8:
        if word(text, at) != word(other, begin):
            return False
        at += 8
        begin += 8
        length -= 8
    differ = word(text, at) ^ word(other, begin)
    return bool(differ & ((_ONE << (_BYTE * np.uint64(length))) - _ONE) == 0)
