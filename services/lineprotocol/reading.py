"""The fields of regular lines: their values by name, and their names. One pass over the fields of the lines asked for.

Text is as services.lineprotocol.scanning has it, and fields are between two of its positions, told by where the name
of the first begins, less one, and where the value of the last ends.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import hash_of, same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import (
    any_of,
    byte,
    float_of_bits,
    high_product,
    leading_zeros,
    ones,
    trailing_zeros,
    word,
)

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

CODES: Final = 6
NONE, FLOAT, INT, STRING, BOOL, LATER = range(CODES)
"""What a row has of a field: nothing, a value of a type, or one that is to be read otherwise."""

_EQUALS, _COMMA, _QUOTE, _BACKSLASH, _MINUS, _PLUS, _DOT, _ZERO, _NINE = (ord(c) for c in '=,"\\-+.09')
_POINT, _SUFFIX, _EXPONENT, _LOWER = _DOT - _ZERO, ord("i"), ord("e"), 0x20
_ONE, _ALL, _TEN, _NO = np.uint64(1), np.uint64(2**64 - 1), np.uint64(10), np.uint64(0)
_SPAN, _END = 32, 0xFFFFFFFF
_MOST_DIGITS = 19
_EXACT, _MOST_EXACT = np.uint64(2**53), 22
_TENS = np.array([float(f"1e{n}") for n in range(_MOST_EXACT + 1)])
_LEAST_POWER, _MOST_POWER = -27, 55
_MAX_INT = np.uint64(2**63 - 1)
_T, _TRUE, _F, _FALSE = (np.uint64(int.from_bytes(text, "little")) for text in (b"t", b"true", b"f", b"false"))
_LONGEST_BOOL = 5
_FEW = 4  # lengths of names that can be looked for at once
_WORD = np.uint64(64)


def _fives() -> NDArray[np.uint64]:
    """The powers of five from _LEAST_POWER to _MOST_POWER, each by its highest 128 bits: uint64[powers, 2]."""
    found = []
    for power in range(_LEAST_POWER, _MOST_POWER + 1):
        five = 5 ** abs(power)
        five = (1 << (five.bit_length() + 127)) // five + 1 if power < 0 else (five << 128) >> five.bit_length()
        found.append((five >> 64, five & (2**64 - 1)))
    return np.array(found, dtype=np.uint64)


_FIVES = _fives()
_int64: Any = np.int64
_marks: Any = any_of(b',= \n"\\')
_commas: Any = any_of(b",")
_equals: Any = any_of(b"=")
_odd: Any = any_of(b'"\\')

_FIELDS = "int64, int32[::1], int32[::1]"


@compiled(
    f"void({_FIELDS}, int64, int64[:, ::1], uint64, uint8[:, ::1], int64[:, ::1], float64[:, ::1],"
    " int64[::1], int32[:, ::1], int64[:, ::1])"
)
def read(
    text: int,
    begins: Ints,
    ends: Ints,
    heap: int,
    names: Longs,
    lengths: Any,
    codes: Bytes,
    ints: Longs,
    floats: NDArray[np.float64],
    texts: Longs,
    cache: Ints,
    counts: Longs,
) -> None:
    """The fields of some names in some lines.

    begins, ends: int32[n]. heap, names: int64[k, 3], where each name begins in the heap, its length, and to which
    column it belongs. lengths: a bit for each length that there is among them, 63 for all beyond.

    codes: uint8[columns, n], zeros. ints, floats: int64 and float64[columns, n], the same memory: a FLOAT is in floats,
    an INT or BOOL in ints; a STRING is the number of a text; of what is LATER ints has where it begins and ends, as
    begin << 32 | end. texts: int64[…], for each text the same of what is between the quotes; equal texts of a column
    mostly have one number; there is room for one in four bytes of each line. cache: int32[columns, 2^k], zeros.
    counts: int64[columns + 1, CODES], zeros: how many of each code a column has, and in the last row how many texts
    there are.
    """
    hint = made = 0  # mostly names follow each other as in the line before
    few = ones(lengths) <= _FEW and lengths >> np.uint64(63) == _NO
    for i in range(len(begins)):
        begin, end = _int64(begins[i]) + 1, _int64(ends[i])
        simple = few  # only what may be a name is looked at, until there is a quote or a backslash
        first, near = begin, ((begin - 1) & -64) - 64
        commas = found = _NO
        block = begin & -64
        bits = _NO if few else _marks(text, block) & (_ALL << np.uint64(begin - block))
        ignored = column = -1
        start = 0
        quoted = False
        while begin < end:
            if simple:
                while found == _NO and near + 64 < end:
                    near += 64
                    within = _ALL if near >= first else (_ALL << np.uint64(first - 1 - near)) << _ONE
                    if end - near < 64:
                        within &= (_ONE << np.uint64(end - near)) - _ONE
                    if _odd(text, near) & within != _NO:
                        simple = False
                        bits = _marks(text, block) & (_ALL << np.uint64(begin - block))
                        break
                    before, commas = commas, _commas(text, near) & within
                    if near < first:
                        commas |= _ONE << np.uint64(first - 1 - near)
                    left = lengths
                    while left != _NO:
                        behind = np.uint64(trailing_zeros(left)) + _ONE
                        left &= left - _ONE
                        found |= commas << behind | before >> (_WORD - behind)
                    found &= _equals(text, near) & within
                if not simple:
                    continue
                if found == _NO:
                    break
                start = near + trailing_zeros(found) + 1
                found &= found - _ONE
                column = -1
                for name in range(len(names)):
                    at = start - 1 - names[name, 1]
                    if (at == first or (at > first and byte(text, at - 1) == _COMMA)) and same_bytes(
                        text, at, heap, names[name, 0], names[name, 1]
                    ):
                        column = names[name, 2]
                        break
                if column < 0:
                    continue
                if byte(text, start) == _QUOTE:  # the first of the next 64 bytes
                    simple = False
                    bits = _marks(text, block) & (_ALL << np.uint64(begin - block))
                    continue
                at = start
                ends_at = _commas(text, at)
                while ends_at == _NO and at + 64 < end:
                    at += 64
                    ends_at = _commas(text, at)
                at = min(at + trailing_zeros(ends_at), end)
            else:
                while bits == _NO:
                    block += 64
                    bits = _marks(text, block)
                at = block + trailing_zeros(bits)
                bits &= bits - _ONE
                if at == ignored:
                    continue
                mark = byte(text, at)
                if mark == _BACKSLASH:
                    ignored = at + 1
                    continue
                if quoted:
                    quoted = mark != _QUOTE
                    continue
                if mark == _EQUALS:
                    start = at + 1
                    if byte(text, start) == _QUOTE:
                        ignored = start
                        quoted = True
                    column = -1
                    if (lengths >> np.uint64(min(at - begin, 63))) & _ONE:
                        for _ in range(len(names)):
                            name = hint
                            hint = hint + 1 if hint + 1 < len(names) else 0
                            if names[name, 1] == at - begin and same_bytes(
                                text, begin, heap, names[name, 0], at - begin
                            ):
                                column = names[name, 2]
                                break
                    continue
                if mark == _QUOTE:
                    continue
                begin = at + 1
                if column < 0:
                    continue
            code, value, number = LATER, start << _SPAN | at, 0.0
            if byte(text, start) == _QUOTE:
                code = STRING
                value, made = _seen(text, start + 1, at - 1, texts, cache[column], made)
            elif byte(text, start) <= _NINE:
                code, value, number = _number(text, start, at, value)
            else:
                code, value = _bool(text, start, at, value)
            if code == FLOAT:
                floats[column, i] = number
            else:
                ints[column, i] = value
            counts[column, codes[column, i]] -= 1
            counts[column, code] += 1
            codes[column, i] = code
    counts[len(codes), 0] = made


@compiled(f"int64({_FIELDS}, int32[::1], int64[::1])")
def name(text: int, begins: Ints, ends: Ints, cache: Ints, texts: Longs) -> int:
    """The names of all fields in some lines, as written: how many.

    begins, ends: int32[n]. cache: int32[2^k], zeros. texts: int64[…], for each name where it begins and ends, as
    begin << 32 | end; there is room for one in four bytes of each line. Some names may come several times.
    """
    made = 0
    for i in range(len(begins)):
        begin, end = _int64(begins[i]) + 1, _int64(ends[i])
        block = begin & -64
        bits = _marks(text, block) & (_ALL << np.uint64(begin - block))
        ignored = -1
        named = quoted = False
        while begin < end:
            while bits == _NO:
                block += 64
                bits = _marks(text, block)
            at = block + trailing_zeros(bits)
            bits &= bits - _ONE
            if at == ignored:
                continue
            mark = byte(text, at)
            if mark == _BACKSLASH:
                ignored = at + 1
            elif quoted:
                quoted = mark != _QUOTE
            elif mark == _EQUALS:
                if byte(text, at + 1) == _QUOTE:
                    ignored = at + 1
                    quoted = True
                if not named:
                    _, made = _seen(text, begin, at, texts, cache, made)
                named = True
            elif mark != _QUOTE:
                begin = at + 1
                named = False
    return made


@compiled("UniTuple(int64, 2)(int64, int64, int64, int64[::1], int32[::1], int64)")
def _seen(text: int, begin: int, end: int, texts: Longs, cache: Ints, made: int) -> tuple[int, int]:
    """The number of a text, which becomes the next of `texts` unless the cache knows it; and how many there are."""
    length = end - begin
    slot = _int64(hash_of(text, begin, length, _NO) >> np.uint64(32)) & (len(cache) - 1)
    one = _int64(cache[slot]) - 1
    if one >= 0:
        have = texts[one] >> _SPAN
        if (texts[one] & _END) - have == length and same_bytes(text, begin, text, have, length):
            return one, made
    texts[made] = begin << _SPAN | end
    cache[slot] = made + 1
    return made, made + 1


@compiled("UniTuple(int64, 2)(int64, int64, int64, int64)")
def _bool(text: int, start: int, end: int, otherwise: int) -> tuple[int, int]:
    """The code and the value of t, true, True, f and the like; LATER and `otherwise` for others."""
    if end - start > _LONGEST_BOOL or byte(text, end - 1) == 0:  # a last NUL would not show in a number
        return LATER, otherwise
    letters = word(text, start) & ((_ONE << np.uint64(8 * (end - start))) - _ONE) | np.uint64(_LOWER)
    if letters in (_T, _TRUE):
        return BOOL, 1
    return (BOOL, 0) if letters in (_F, _FALSE) else (LATER, otherwise)


@compiled("Tuple((int64, int64, float64))(int64, int64, int64, int64)")
def _number(text: int, start: int, end: int, otherwise: int) -> tuple[int, int, float]:
    """The code of what begins as a number, its value if it is an INT, and that if it is a FLOAT; LATER and `otherwise`
    for what is none, and for the longest."""
    negative = byte(text, start) == _MINUS
    digits, power, at, good = _decimal(text, start + negative, end)
    if not good:
        return LATER, otherwise, 0.0
    if at + 1 == end and byte(text, at) == _SUFFIX:
        if power != 0 or byte(text, at - 1) == _DOT or digits > _MAX_INT + np.uint64(negative):
            return LATER, otherwise, 0.0
        return INT, -_int64(digits) if negative else _int64(digits), 0.0
    if at < end and byte(text, at) | _LOWER == _EXPONENT:
        exponent, good = _exponent(text, at + 1, end)
        power += exponent
        at = end
    number = float_of(digits, power) if good and at == end else -1.0
    if number < 0:
        return LATER, otherwise, 0.0
    return FLOAT, otherwise, -number if negative else number


@compiled("Tuple((uint64, int64, int64, boolean))(int64, int64, int64)")
def _decimal(text: int, at: int, end: int) -> tuple[Any, int, int, bool]:
    """The digits at `at`, with a point or without: as a uint64, and the power of ten to multiply it with; where they
    end, and whether they are some, and no more than fit."""
    digits = _NO
    significant = 0
    point = -1
    start = at
    while at < end:
        digit = _int64(byte(text, at)) - _ZERO
        if 0 <= digit <= 9:
            digits = digits * _TEN + np.uint64(digit)
            significant += significant + digit > 0
        elif digit == _POINT and point < 0:
            point = at
        else:
            break
        at += 1
    some = at - start > (point >= 0) and significant <= _MOST_DIGITS
    return digits, point + 1 - at if point >= 0 else 0, at, some


@compiled("Tuple((int64, boolean))(int64, int64, int64)")
def _exponent(text: int, at: int, end: int) -> tuple[int, bool]:
    """The number of up to three digits, with a sign or without, between two positions; and whether it is one."""
    falls = byte(text, at) == _MINUS
    at += int(falls or byte(text, at) == _PLUS)
    exponent = 0
    good = at < end <= at + 3
    while good and at < end:
        digit = _int64(byte(text, at)) - _ZERO
        good = bool(0 <= digit <= 9)
        exponent = 10 * exponent + digit
        at += 1
    return -exponent if falls else exponent, good


@compiled("float64(uint64, int64)")
def float_of(digits: Any, power: int) -> float:
    """The float64 next to digits * 10^power, or -1 where that is not for this. digits: a uint64.

    What is exact as a float64 is rounded once by one operation; of other powers of five within bounds 128 bits are
    enough: D. Lemire, Number parsing at a gigabyte per second, 2021.
    """
    if digits <= _EXACT and -_MOST_EXACT <= power <= _MOST_EXACT:
        number = np.float64(digits)
        return float(number / _TENS[-power] if power < 0 else number * _TENS[power])
    if digits == _NO or power < _LEAST_POWER or power > _MOST_POWER:
        return -1.0
    shift = leading_zeros(digits)
    whole = digits << np.uint64(shift)
    five = _FIVES[power - _LEAST_POWER, 0]
    high, low = high_product(whole, five), whole * five
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        more = high_product(whole, _FIVES[power - _LEAST_POWER, 1])
        low += more
        high += np.uint64(more > low)
    upper = high >> np.uint64(63)
    mantissa = high >> (upper + np.uint64(9))
    exponent = ((217706 * power) >> 16) + 63 + _int64(upper) - shift + 1023
    halfway = low <= _ONE and -4 <= power <= 23 and mantissa << (upper + np.uint64(9)) == high
    if halfway and mantissa & np.uint64(3) == _ONE:
        mantissa &= ~_ONE
    mantissa = (mantissa + (mantissa & _ONE)) >> _ONE
    if mantissa >= np.uint64(2**53):
        mantissa = np.uint64(2**52)
        exponent += 1
    return float(float_of_bits((mantissa & np.uint64(2**52 - 1)) | (np.uint64(exponent) << np.uint64(52))))
