"""Numbers in text, for kernels. All read up to 64 bytes behind where they begin."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.kernels.compiled import compiled
from services.kernels.primitives import word

_ZEROS = np.uint64(0x3030303030303030)
_ALL, _BYTE = np.uint64(2**64 - 1), np.uint64(8)
_PAIRS, _FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_BY_TEN, _BY_HUNDRED, _BY_TEN_THOUSAND = np.uint64(2561), np.uint64(6553601), np.uint64(42949672960001)
_16, _32 = np.uint64(16), np.uint64(32)
_int64: Any = np.int64


@compiled("int64(int64, int64, int64, int64, int64)")
def digits_of(text: int, at: int, whole: int, decimals: int, powers: int) -> int:
    """The number of so many digits, and of so many behind a point after them; 1 … 19 in all.

    powers: where those of ten are, int64[19].
    """
    count = whole + decimals
    if count <= 7:
        digits = word(text, at)
        if decimals:
            before = ~(_ALL << (_BYTE * np.uint64(whole)))
            digits = (digits & before) | ((digits >> _BYTE) & ~before)
        return _number(digits, count)
    number: int = _up_to_19(text, at, whole, powers)
    if decimals:
        number *= _int64(word(powers, decimals * 8))
        number += _up_to_19(text, at + whole + 1, decimals, powers)
    return number


@compiled("int64(int64, int64, int64, int64)")
def _up_to_19(text: int, at: int, count: int, powers: int) -> int:
    if count <= 8:
        return _number(word(text, at), count)
    number = _number(word(text, at), 8)
    if count <= 16:
        return int(number * _int64(word(powers, (count - 8) * 8)) + _number(word(text, at + 8), count - 8))
    number = number * 100_000_000 + _number(word(text, at + 8), 8)
    return int(number * _int64(word(powers, (count - 16) * 8)) + _number(word(text, at + 16), count - 16))


@compiled("int64(uint64, int64)")
def _number(digits: Any, count: int) -> int:
    """Of the first 1 … 8 of eight letters."""
    digits = (digits ^ _ZEROS) << (_BYTE * np.uint64(8 - count))
    digits = ((digits * _BY_TEN) >> _BYTE) & _PAIRS
    digits = ((digits * _BY_HUNDRED) >> _16) & _FOURS
    digits = (digits * _BY_TEN_THOUSAND) >> _32
    return int(_int64(digits))
