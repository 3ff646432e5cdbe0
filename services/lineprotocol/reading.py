"""The fields of regular lines: their values by name, and their names. One pass over the fields of the lines asked for.

Text is as services.lineprotocol.scanning has it, and fields are between two of its positions, told by where the name
of the first begins, less one, and where the value of the last ends.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import hash_of, same_bytes
from services.kernels.compiled import compiled, inlined
from services.kernels.primitives import any_of, high_product, leading_zeros, trailing_zeros, word

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

CODES: Final = 6
NONE, FLOAT, INT, STRING, BOOL, LATER = range(CODES)
"""What a row has of a field: nothing, a value of a type, or one that is to be read otherwise."""
CACHED: Final = 256

_COMMA, _EQUALS, _QUOTE, _BACKSLASH, _MINUS, _PLUS, _ZERO = (ord(c) for c in ',="\\-+0')
_POINT, _SUFFIX, _EXPONENT, _LOWER = ord(".") - _ZERO, ord("i"), ord("e"), 0x20
_ONE, _ALL, _TEN, _NO = np.uint64(1), np.uint64(2**64 - 1), np.uint64(10), np.uint64(0)
_SPAN = 32
_MOST_DIGITS = 19
_MOST_PLACES = 63  # of fields in a line: of so many it is noted what was found there before
_EXACT, _POWERS_EXACT = np.uint64(2**53), 22
_TENS = np.array([float(f"1e{n}") for n in range(_POWERS_EXACT + 1)])
_LEAST_POWER, _MOST_POWER = -27, 55
_MAX_INT = np.uint64(2**63 - 1)


def _words(*texts: bytes) -> tuple[np.uint64, ...]:
    return tuple(np.uint64(int.from_bytes(text, "little")) for text in texts)


_T, _T_LARGE, _TRUE, _TRUE_FIRST, _TRUE_LARGE = _words(b"t", b"T", b"true", b"True", b"TRUE")
_F, _F_LARGE, _FALSE, _FALSE_FIRST, _FALSE_LARGE = _words(b"f", b"F", b"false", b"False", b"FALSE")


def _fives() -> NDArray[np.uint64]:
    """The powers of five from _LEAST_POWER to _MOST_POWER, each by its highest 128 bits: uint64[powers, 2]."""
    found = []
    for power in range(_LEAST_POWER, _MOST_POWER + 1):
        five = 5 ** abs(power)
        five = (1 << (five.bit_length() + 127)) // five + 1 if power < 0 else (five << 128) >> five.bit_length()
        found.append((five >> 64, five & (2**64 - 1)))
    return np.array(found, dtype=np.uint64)


_FIVES = _fives()
_marks: Any = any_of(b',= \n"\\')

_TEXT = "Array(uint8, 1, 'C', True)"
_FIELDS = f"{_TEXT}, int32[::1], int32[::1], int64[::1]"


@inlined
def _float_bits(digits: Any, power: int) -> int:
    """The float64 next to digits * 10^power, as its bits; -1 where that is not for this. digits: a uint64 but 0; power:
    from _LEAST_POWER to _MOST_POWER, within which 128 bits are enough of each power of five.

    D. Lemire, Number parsing at a gigabyte per second, 2021.
    """
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
    exponent = ((217706 * power) >> 16) + 63 + np.int64(upper) - shift + 1023
    exact = mantissa << (upper + np.uint64(9)) == high
    if low <= _ONE and -4 <= power <= 23 and mantissa & np.uint64(3) == _ONE and exact:
        mantissa &= ~_ONE
    mantissa = (mantissa + (mantissa & _ONE)) >> _ONE
    if mantissa >= np.uint64(2**53):
        mantissa = np.uint64(2**52)
        exponent += 1
    if exponent <= 0 or exponent >= 2047:
        return -1
    return np.int64(mantissa & np.uint64(2**52 - 1)) | (exponent << 52)


@compiled(
    f"void({_FIELDS}, {_TEXT}, int64[:, ::1], uint64, uint8[:, ::1], int64[:, ::1], float64[:, ::1],"
    " int64[::1], int32[:, ::1], int64[:, ::1])"
)
def read(
    data: Bytes,
    begins: Ints,
    ends: Ints,
    rows: Longs,
    heap: Bytes,
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

    rows: int64[n], or empty: all n. heap, names: int64[k, 3], where each name begins in the heap, its length, and to
    which column it belongs. lengths: a bit for each length that there is among them, 63 for all beyond.

    codes: uint8[columns, n], zeros. ints, floats: int64 and float64[columns, n], the same memory: a FLOAT is in floats,
    an INT or BOOL in ints; a STRING is the number of a text; of what is LATER ints has where it begins and ends, as
    begin << 32 | end. texts: int64[len(data) // 4 + 1], for each text the same of what is between the quotes; equal texts of a
    column mostly have one number. cache: int32[columns, CACHED], zeros. counts: int64[columns + 1, CODES], zeros: how
    many of each code a column has, and in the last row how many texts there are.
    """
    before = np.zeros(_MOST_PLACES + 1, dtype=np.int32)  # which name stood there in the line before
    made = 0
    for i in range(codes.shape[1]):
        row = rows[i] if len(rows) else i
        begin, end = np.int64(begins[row]) + 1, np.int64(ends[row])
        block = begin & -64
        bits = _marks(data, block) & (_ALL << np.uint64(begin - block))
        ignored = -1
        equals = 0
        quoted = False
        place = 0
        which = -1
        while begin < end:
            while bits == _NO:
                block += 64
                bits = _marks(data, block)
            at = block + trailing_zeros(bits)
            bits &= bits - _ONE
            if at == ignored:
                continue
            byte = data[at]
            if byte == _BACKSLASH:
                ignored = at + 1
            elif quoted:
                quoted = byte != _QUOTE
            elif byte == _EQUALS:
                equals = at
                if data[at + 1] == _QUOTE:
                    ignored = at + 1
                    quoted = True
                length = at - begin
                which = -1
                if (lengths >> np.uint64(min(length, 63))) & _ONE:
                    hint = before[min(place, _MOST_PLACES)]
                    for turn in range(len(names)):
                        name = hint + turn
                        if name >= len(names):
                            name -= len(names)
                        if names[name, 1] == length and same_bytes(data, begin, heap, names[name, 0], length):
                            which = names[name, 2]
                            before[min(place, _MOST_PLACES)] = name
                            break
                place += 1
            elif byte != _QUOTE:
                if which >= 0:
                    start = equals + 1
                    first = data[start]
                    code = LATER
                    value = start << _SPAN | at
                    if first == _QUOTE:
                        start += 1
                        size = at - 1 - start
                        slot = np.int64(hash_of(data, start, size, _NO) >> np.uint64(32)) % CACHED
                        text = cache[which, slot] - 1
                        if text >= 0:
                            have = texts[text] >> _SPAN
                            if (texts[text] & 0xFFFFFFFF) - have != size or not same_bytes(
                                data, start, data, have, size
                            ):
                                text = -1
                        if text < 0:
                            text = made
                            texts[made] = start << _SPAN | at - 1
                            made += 1
                            cache[which, slot] = made
                        code = STRING
                        value = text
                    elif first <= ord("9"):
                        negative = first == _MINUS
                        start += negative
                        digits = _NO
                        significant = power = 0
                        point = -1
                        to = start
                        while to < at:
                            digit = np.int64(data[to]) - _ZERO
                            if 0 <= digit <= 9:
                                digits = digits * _TEN + np.uint64(digit)
                                significant += significant + digit > 0
                            elif digit == _POINT and point < 0:
                                point = to
                            else:
                                break
                            to += 1
                        good = to - start - (point >= 0) > 0 and significant <= _MOST_DIGITS
                        if point >= 0:
                            power = point + 1 - to
                        if good and to + 1 == at and data[to] == _SUFFIX:
                            if point < 0 and digits <= _MAX_INT + np.uint64(negative):
                                code = INT
                                value = np.int64(digits)
                                if negative:
                                    value = -value
                        elif good:
                            if to < at and data[to] | _LOWER == _EXPONENT:
                                to += 1
                                falls = data[to] == _MINUS
                                to += falls or data[to] == _PLUS
                                exponent = 0
                                good = to < at <= to + 3
                                while good and to < at:
                                    digit = np.int64(data[to]) - _ZERO
                                    good = 0 <= digit <= 9
                                    exponent = 10 * exponent + digit
                                    to += 1
                                power += -exponent if falls else exponent
                            if good and to == at:
                                if digits <= _EXACT and -_POWERS_EXACT <= power <= _POWERS_EXACT:
                                    number = np.float64(digits)
                                    number = number / _TENS[-power] if power < 0 else number * _TENS[power]
                                    floats[which, i] = -number if negative else number
                                    code = FLOAT
                                elif digits and _LEAST_POWER <= power <= _MOST_POWER:
                                    found = _float_bits(digits, power)
                                    if found >= 0:
                                        ints[which, i] = found
                                        if negative:
                                            floats[which, i] = -floats[which, i]
                                        code = FLOAT
                    elif at - start <= 5:
                        letters = word(data, start) & ((_ONE << np.uint64(8 * (at - start))) - _ONE)
                        if (
                            letters == _TRUE
                            or letters == _T
                            or letters == _T_LARGE
                            or letters == _TRUE_FIRST
                            or letters == _TRUE_LARGE
                        ):
                            code = BOOL
                            value = 1
                        elif (
                            letters == _FALSE
                            or letters == _F
                            or letters == _F_LARGE
                            or letters == _FALSE_FIRST
                            or letters == _FALSE_LARGE
                        ):
                            code = BOOL
                            value = 0
                    if code != FLOAT:
                        ints[which, i] = value
                    counts[which, codes[which, i]] -= 1
                    counts[which, code] += 1
                    codes[which, i] = code
                begin = at + 1
                equals = 0
    counts[len(codes), 0] = made


@compiled(f"int64({_FIELDS}, int64, int32[::1], int64[::1])")
def name(data: Bytes, begins: Ints, ends: Ints, rows: Longs, n: int, cache: Ints, texts: Longs) -> int:
    """The names of all fields in some lines, as written: how many.

    rows: int64[n], or empty: all n. cache: int32[CACHED], zeros. texts: int64[len(data) // 4 + 1], for each name where
    it begins and ends, as begin << 32 | end. Some names may come several times.
    """
    made = 0
    for i in range(n):
        row = rows[i] if len(rows) else i
        begin, end = np.int64(begins[row]) + 1, np.int64(ends[row])
        block = begin & -64
        bits = _marks(data, block) & (_ALL << np.uint64(begin - block))
        ignored = -1
        quoted = False
        while begin < end:
            while bits == _NO:
                block += 64
                bits = _marks(data, block)
            at = block + trailing_zeros(bits)
            bits &= bits - _ONE
            if at == ignored:
                continue
            byte = data[at]
            if byte == _BACKSLASH:
                ignored = at + 1
            elif quoted:
                quoted = byte != _QUOTE
            elif byte == _EQUALS:
                if data[at + 1] == _QUOTE:
                    ignored = at + 1
                    quoted = True
                size = at - begin
                slot = np.int64(hash_of(data, begin, size, _NO) >> np.uint64(32)) % CACHED
                text = cache[slot] - 1
                new = True
                if text >= 0:
                    have = texts[text] >> _SPAN
                    new = (texts[text] & 0xFFFFFFFF) - have != size or not same_bytes(data, begin, data, have, size)
                if new:
                    texts[made] = begin << _SPAN | at
                    made += 1
                    cache[slot] = made
            elif byte != _QUOTE:
                begin = at + 1
    return made
