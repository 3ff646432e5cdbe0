"""How far a text consists of plain valid lines, told by a kernel: a third of what RE2 takes.

Fewer lines are plain than for services.lineprotocol.fast_path: none with a backslash, none that is empty or a comment,
none with more than one space between its parts, and of tags those only that are in the order of their names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from services.kernels.compiled import compiled
from services.kernels.primitives import any_of, byte, no_digits, trailing_zeros, word

_NEWLINE, _SPACE, _COMMA, _EQUALS, _QUOTE, _BACKSLASH, _HASH, _TAB, _MINUS, _ZERO, _NINE = (
    ord(c) for c in '\n ,="\\#\t-09'
)
_DOT, _INT, _EXPONENT, _PLUS, _LOWER = ord("."), ord("i"), ord("e"), ord("+"), 0x20
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


@compiled("boolean(int64, int64, int64)")
def is_number(text: int, begin: int, end: int) -> bool:
    """Whether there is a number of up to 18 digits, and up to 45 behind a point, with an i or a small exponent."""
    begin += byte(text, begin) == _MINUS
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
    if mark == _DOT:
        if length == 1 or length - first > _MOST_FRACTION:
            return False
        if others == _NO:
            return True
        if trailing_zeros(others) == 1 and first == 0:
            return False
        first = trailing_zeros(others)
        mark = byte(text, begin + first)
        others &= others - _ONE
    elif mark == _INT:
        return bool(first > 0 and first + 1 == length)
    if mark | _LOWER != _EXPONENT or first == 0:
        return False
    first += 1
    sign = byte(text, begin + first)
    if sign in (_MINUS, _PLUS):
        first += 1
        others &= others - _ONE
    return bool(others == _NO and 1 <= length - first <= _MOST_EXPONENT)


@compiled("boolean(int64, int64, int64)")
def is_bool(text: int, begin: int, end: int) -> bool:
    """Whether there is t, T, true, True, TRUE, or the like of false."""
    length = end - begin
    if length > _LONGEST_BOOL or byte(text, end - 1) == 0:  # a last NUL would not show in a number
        return False
    letters = word(text, begin) & ((_ONE << np.uint64(8 * length)) - _ONE)
    if length == 1:
        return letters in (_T, _CAPITAL_T, _F, _CAPITAL_F)
    return letters in (_TRUE, _CAPITAL_TRUE, _ALL_TRUE, _FALSE, _CAPITAL_FALSE, _ALL_FALSE)


@compiled("boolean(int64, int64, int64, int64, int64)")
def is_before(text: int, begin: int, end: int, other: int, other_end: int) -> bool:
    """Whether some bytes come before others in order, and are not the same."""
    while begin < end and other < other_end:
        if byte(text, begin) != byte(text, other):
            return bool(byte(text, begin) < byte(text, other))
        begin += 1
        other += 1
    return begin == end and other < other_end


@compiled("int64(int64, int64)")
def _string_end(text: int, begin: int) -> int:
    """Behind the quote that ends the string that begins at `begin`; -1 where there is a backslash or a line break."""
    at = begin + 1
    marks = _ends(text, at)
    while marks == _NO:
        at += 64
        marks = _ends(text, at)
    at += trailing_zeros(marks)
    return at + 1 if byte(text, at) == _QUOTE else -1


@compiled("int64(int64, int64, int64, int64, int64)")
def plain_lines(text: int, start: int, end: int, most_time: int, longest_key: int) -> int:
    """Where the plain valid lines end that begin at `start`, where a line begins; `start` itself where there is none.

    text: an address, as services.lineprotocol.scanning has it. end: there is a line break before it, and PAD bytes that
    can be read are behind it. most_time: the largest time, in units of the timestamps. longest_key: bytes.
    """
    most_digits, most_first = 1, most_time
    while most_first > 9:
        most_digits, most_first = most_digits + 1, most_first // 10
    while start < end:
        first = byte(text, start)
        marks = _marks(text, start)
        at = start + trailing_zeros(marks)
        mark = byte(text, at)
        if marks == _NO or at == start or first in (_HASH, _TAB, 0):
            return start
        tag = tag_end = -1
        while mark == _COMMA:
            begin = at + 1
            marks = _marks(text, begin)
            stop = begin + trailing_zeros(marks)
            marks &= marks - _ONE
            at = begin + trailing_zeros(marks)
            if marks == _NO or stop == begin or byte(text, stop) != _EQUALS or at == stop + 1:
                return start
            if tag >= 0 and byte(text, tag) >= byte(text, begin) and not is_before(text, tag, tag_end, begin, stop):
                return start
            tag, tag_end = begin, stop
            mark = byte(text, at)
        if mark != _SPACE or at - start > longest_key or byte(text, at + 1) == _TAB or byte(text, at + 1) == 0:
            return start
        mark = _COMMA
        while mark == _COMMA:
            begin = at + 1
            marks = _marks(text, begin)
            length = trailing_zeros(marks)
            value = begin + length + 1
            if marks == _NO or length == 0 or byte(text, value - 1) != _EQUALS:
                return start
            marks &= marks - _ONE
            at = begin + trailing_zeros(marks)
            if marks == _NO:
                marks = _marks(text, value)
                at = value + trailing_zeros(marks)
            others = no_digits(text, value)
            whole = trailing_zeros(others)
            others &= others - _ONE
            if (
                byte(text, value + whole) != _DOT
                or value + trailing_zeros(others) != at
                or whole == 0
                or whole > _MOST_DIGITS
                or at - value > _MOST_FRACTION
            ):
                first = byte(text, value)
                if first == _QUOTE:
                    at = _string_end(text, value)
                    if at < 0:
                        return start
                elif not (is_number(text, value, at) if first <= _NINE else is_bool(text, value, at)):
                    return start
            mark = byte(text, at)
        if mark == _SPACE:
            at += 1
            at += byte(text, at) == _MINUS
            length = trailing_zeros(no_digits(text, at))
            if length >= most_digits and byte(text, at) - _ZERO >= most_first:
                return start
            if length == 0 or length > most_digits:
                return start
            at += length
            mark = byte(text, at)
        if mark != _NEWLINE:
            return start
        start = at + 1
    return start
