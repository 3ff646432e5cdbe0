"""The parts of a line, for kernels: keys, names and texts, found as the reference parser finds them, or not at all.

Left to it is what its sections read differently: several backslashes before what ends a part, and escaped line breaks.
All expect a line break within the text, and read up to 64 bytes behind it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import any_of, byte, no_digits, trailing_zeros, word
from services.kernels.tables import Ints

NEWLINE, SPACE, COMMA, EQUALS, QUOTE, BACKSLASH, HASH_SIGN, TAB, MINUS, ZERO, NINE, DOT, INT = (
    ord(c) for c in '\n ,="\\#\t-09.i'
)
_MOST_TAGS = 64
"""Of one key, where they are in no order: each is compared with all others then."""
_EXPONENT, _PLUS, _LOWER = ord("e"), ord("+"), 0x20
_MOST_DIGITS, _MOST_FRACTION, _MOST_EXPONENT = 18, 45, 2
_LONGEST_BOOL = 5
_ONE, _NO = np.uint64(1), np.uint64(0)


def _word_of(text: bytes) -> Any:
    return np.uint64(int.from_bytes(text, "little"))


_T, _CAPITAL_T, _F, _CAPITAL_F = (_word_of(text) for text in (b"t", b"T", b"f", b"F"))
_TRUE, _CAPITAL_TRUE, _ALL_TRUE = (_word_of(text) for text in (b"true", b"True", b"TRUE"))
_FALSE, _CAPITAL_FALSE, _ALL_FALSE = (_word_of(text) for text in (b"false", b"False", b"FALSE"))

_marks: Any = any_of(b",= \n\\")
_ends: Any = any_of(b'\n"\\')


@compiled("int64(int64, int64)")
def key_length(text: int, start: int) -> int:
    """How long the key is that a line begins with; -1 where it is none, or not a plain one."""
    first = byte(text, start)
    if first in (HASH_SIGN, TAB, 0):
        return -1
    at = part_end(text, start)
    if at <= start:
        return -1
    name = name_end = -1
    ordered, count = True, 0
    while byte(text, at) == COMMA:
        begin = at + 1
        stop = part_end(text, begin)
        if stop <= begin or byte(text, stop) != EQUALS:
            return -1
        at = part_end(text, stop + 1)
        if at <= stop + 1:
            return -1
        if name >= 0 and not _is_before(text, name, name_end, begin, stop):
            ordered = False
        name, name_end = begin, stop
        count += 1
    if byte(text, at) != SPACE or (not ordered and (count > _MOST_TAGS or _twice(text, start))):
        return -1
    return int(at - start)


BEHIND_A_KEY: Final = b" \n"
"""So that looking at it ends there, whatever the key is."""


@compiled("void(int64, int32[::1], int32[::1], boolean[::1])")
def look_at_keys(text: int, begins: Ints, ends: Ints, plain: NDArray[np.bool_]) -> None:
    """Which of some texts, each with what is BEHIND_A_KEY in it, are plain keys: bool[n]. begins, ends: int32[n]."""
    for i in range(len(begins)):
        plain[i] = key_length(text, begins[i]) == ends[i] - begins[i] - len(BEHIND_A_KEY)


@compiled("boolean(int64, int64)")
def _twice(text: int, start: int) -> bool:
    """Whether a key, which is one, has two tags of one name."""
    at = part_end(text, start)
    while byte(text, at) == COMMA:
        begin = at + 1
        stop = part_end(text, begin)
        at = part_end(text, stop + 1)
        other_end = at
        while byte(text, other_end) == COMMA:
            other = other_end + 1
            other_stop = part_end(text, other)
            if other_stop - other == stop - begin and same_bytes(text, begin, text, other, stop - begin):
                return True
            other_end = part_end(text, other_stop + 1)
    return False


@compiled("int64(int64, int64)")
def part_end(text: int, at: int) -> int:
    """Where a comma, an equals sign, a space or a line break stands that is not escaped; -1 where that is not plain."""
    while True:
        marks = _marks(text, at)
        while marks == _NO:
            at += 64
            marks = _marks(text, at)
        at += trailing_zeros(marks)
        if byte(text, at) != BACKSLASH:
            return int(at)
        first = at
        while byte(text, at) == BACKSLASH:
            at += 1
        follows = byte(text, at)
        if follows == NEWLINE or (at > first + 1 and follows in (COMMA, EQUALS, SPACE, QUOTE)):
            return -1
        at += 1


@compiled("int64(int64, int64)")
def text_end(text: int, begin: int) -> int:
    """Behind a value that is a string, a bool or a number of any form; -1 where it is none, or not a plain one."""
    first = byte(text, begin)
    if first == QUOTE:
        return int(_string_end(text, begin))
    marks = _marks(text, begin)
    if marks == _NO:
        return -1
    end = begin + trailing_zeros(marks)
    if end == begin or not (_is_number(text, begin, end) if first <= NINE else _is_bool(text, begin, end)):
        return -1
    return int(end)


@compiled("int64(int64, int64)")
def _string_end(text: int, begin: int) -> int:
    """Behind the quote that ends the string that begins at `begin`; -1 where there is a line break before it."""
    at = begin + 1
    while True:
        marks = _ends(text, at)
        while marks == _NO:
            at += 64
            marks = _ends(text, at)
        at += trailing_zeros(marks)
        mark = byte(text, at)
        if mark == QUOTE:
            return int(at + 1)
        if mark == NEWLINE or byte(text, at + 1) == NEWLINE:
            return -1
        at += 2


@compiled("boolean(int64, int64, int64)")
def _is_number(text: int, begin: int, end: int) -> bool:
    """Whether there is a number of up to 18 digits, and up to 45 behind a point, with an i or a small exponent."""
    begin += byte(text, begin) == MINUS
    length = end - begin
    if length <= 0 or length >= 64:
        return False
    others = no_digits(text, begin) & ((_ONE << np.uint64(length)) - _ONE)
    if others == _NO:
        return length <= _MOST_DIGITS
    first = trailing_zeros(others)
    if first > _MOST_DIGITS:
        return False
    mark = byte(text, begin + first)
    others &= others - _ONE
    if mark == DOT:
        if length == 1 or length - first > _MOST_FRACTION:
            return False
        if others == _NO:
            return True
        if trailing_zeros(others) == 1 and first == 0:
            return False
        first = trailing_zeros(others)
        mark = byte(text, begin + first)
        others &= others - _ONE
    elif mark == INT:
        return bool(first > 0 and first + 1 == length)
    if mark | _LOWER != _EXPONENT or first == 0:
        return False
    first += 1
    sign = byte(text, begin + first)
    if sign in (MINUS, _PLUS):
        first += 1
        others &= others - _ONE
    return bool(others == _NO and 1 <= length - first <= _MOST_EXPONENT)


@compiled("boolean(int64, int64, int64)")
def _is_bool(text: int, begin: int, end: int) -> bool:
    """Whether there is t, T, true, True, TRUE, or the like of false."""
    length = end - begin
    if length > _LONGEST_BOOL or byte(text, end - 1) == 0:  # a last NUL would not show in a number
        return False
    letters = word(text, begin) & ((_ONE << np.uint64(8 * length)) - _ONE)
    if length == 1:
        return letters in (_T, _CAPITAL_T, _F, _CAPITAL_F)
    return letters in (_TRUE, _CAPITAL_TRUE, _ALL_TRUE, _FALSE, _CAPITAL_FALSE, _ALL_FALSE)


@compiled("boolean(int64, int64, int64, int64, int64)")
def _is_before(text: int, begin: int, end: int, other: int, other_end: int) -> bool:
    """Whether some bytes come before others in order, and are not the same."""
    while begin < end and other < other_end:
        if byte(text, begin) != byte(text, other):
            return bool(byte(text, begin) < byte(text, other))
        begin += 1
        other += 1
    return begin == end and other < other_end
