"""Decimal numbers out of a body, many at once: eight digits are one 64-bit word, and its arithmetic is numpy's.

A word holds text of eight bytes, the first byte lowest. Bytes before a number are masked away, which leaves zeros in
front. A decimal point is found as the one byte that is no digit, and taken out by moving the digits before it up.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, FloatArray, IntArray

UintArray = NDArray[np.uint64]

PAD: Final = 32
"""How many bytes must lie before the first and after the last byte that is read."""

MAX_LENGTH: Final = 24


def _u(value: int) -> np.uint64:
    return np.uint64(value)


def _each(byte: int) -> np.uint64:
    return _u(byte * 0x0101010101010101)


_ZEROS = _each(0x30)
_NOT_DIGIT = _each(0x76)  # added to 10 or more, it carries into the highest bit
_HIGH = _each(0x80)
_DOT = _u(0x30 ^ 0x2E)
_ONE, _BYTE = _u(1), _u(0xFF)
_LAST = np.array([0] + [(2**64 - 1) ^ (2 ** (64 - 8 * n) - 1) for n in range(1, 9)], dtype=np.uint64)
_FIRST = np.array([2 ** (8 * n) - 1 for n in range(9)], dtype=np.uint64)
# A word with one bit set, at byte k, times this has k + 1 in its highest four bits.
_WHICH = _u(sum((k + 1) << (60 - 8 * k) for k in range(8)))
_AFTER = np.array([0, 7, 6, 5, 4, 3, 2, 1] + [0] * 8, dtype=np.int64)  # digits after the point, by what _WHICH gives
_POWERS = np.array([float(f"1e{n}") for n in range(MAX_LENGTH)])
_TENS = np.array([10**n for n in range(20)], dtype=np.uint64)
_EXACT = _u(2**53)
_LITTLE = sys.byteorder == "little"


class Text:
    """A buffer with PAD bytes before and after what is of interest, to be read bytewise and in words."""

    __slots__ = ("bytes", "last", "raw", "words")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.bytes: NDArray[np.uint8] = np.frombuffer(raw, np.uint8)
        self.last = len(raw) - 8
        self.words: UintArray = np.ndarray((max(len(raw) - 7, 0),), np.dtype("<u8"), raw, 0, (1,))

    def before(self, ends: IntArray, lengths: IntArray) -> UintArray:
        """The last up to eight bytes of texts that end before `ends`; zeros in place of what is not theirs."""
        return self.word(ends - 8) & _LAST[np.minimum(lengths, 8)]

    def after(self, starts: IntArray, lengths: IntArray) -> UintArray:
        """The first up to eight bytes of texts; zeros in place of what is not theirs."""
        return self.word(starts) & _FIRST[np.minimum(lengths, 8)]

    def word(self, at: IntArray) -> UintArray:
        """The eight bytes at each position."""
        words = self.words[at]
        return words if _LITTLE else words.astype(np.uint64)

    def equal(self, starts: IntArray, to: bytes) -> BoolArray:
        """Whether `to` stands at each position."""
        same = np.ones(len(starts), dtype=np.bool_)
        for at in range(0, len(to), 8):
            part = to[at : at + 8]
            word = self.word(starts + at if at else starts)
            if len(part) < 8:
                word &= _FIRST[len(part)]
            same &= word == _u(int.from_bytes(part, "little"))
        return same


@dataclass(frozen=True, slots=True)
class Decimals:
    """mantissa: uint64[n], all digits without the point. places: int64[n], how many of them stand after it.

    pointed: bool[n], which have a point at all.
    good: which texts are digits with at most one point, at least one digit and no more than 19; of the others
    mantissa and places mean nothing.
    """

    mantissa: UintArray
    places: IntArray
    pointed: BoolArray
    good: BoolArray


def are_decimals(text: Text, ends: IntArray, lengths: IntArray) -> BoolArray:
    """Which texts of at most MAX_LENGTH bytes are digits with at most one point and at least one digit."""
    good = lengths <= MAX_LENGTH
    points = np.zeros(len(ends), dtype=np.int64)
    for back in range(0, MAX_LENGTH, 8):
        if not back:
            word, odd = _word_of_digits(text, ends, lengths)
            good &= _only_point(word, odd)[0]
            points += odd != 0
            continue
        at = np.flatnonzero(lengths > back)
        if not len(at):
            break
        word, odd = _word_of_digits(text, ends[at] - back, lengths[at] - back)
        good[at] &= _only_point(word, odd)[0]
        points[at] += odd != 0
    good &= (points <= 1) & (lengths > points)
    return good


def decimals(text: Text, ends: IntArray, lengths: IntArray) -> Decimals:
    """The numbers whose texts end before `ends`."""
    mantissa, places, good, dotted = _part(text, ends, lengths)
    digits = lengths - dotted
    more = lengths
    at = np.arange(0)
    for step in range(1, MAX_LENGTH // 8):
        at = np.flatnonzero(more > 8) if step == 1 else at[more > 8]
        if not len(at):
            break
        more = lengths[at] - 8 * step
        high, high_places, high_good, high_dotted = _part(text, ends[at] - 8 * step, more)
        # So many digits stand in the words behind: all bytes but a point.
        behind = 8 * step - dotted[at]
        mantissa[at] += high * _TENS[np.minimum(behind, 19)]
        places[at] = np.where(high_dotted, np.minimum(high_places + behind, MAX_LENGTH - 1), places[at])
        good[at] &= high_good & ~(high_dotted & dotted[at])
        dotted[at] |= high_dotted
        digits[at] -= high_dotted
    good &= digits > 0
    good &= (digits <= 19) & (lengths <= MAX_LENGTH)
    return Decimals(mantissa, places, dotted, good)


def integers(text: Text, ends: IntArray, lengths: IntArray) -> tuple[UintArray, BoolArray]:
    """The numbers whose texts end before `ends`, and which texts are one to 19 digits; the rest means nothing.

    Runs of equal texts, as the times of a body often are, are read once.
    """
    good = (lengths > 0) & (lengths <= 19)
    if not len(ends):
        return np.zeros(0, dtype=np.uint64), good
    least, most = int(lengths.min()), int(lengths.max())
    words = []
    for back in range(0, min(most, MAX_LENGTH), 8):
        word = text.word(ends - back - 8)
        word ^= _ZEROS
        if least < back + 8:
            word &= _LAST[lengths[0] - back] if least == most else _LAST[np.clip(lengths - back, 0, 8)]
        words.append(word)
    fresh = np.ones(len(ends), dtype=np.bool_)
    np.not_equal(lengths[1:], lengths[:-1], out=fresh[1:])
    for word in words:
        fresh[1:] |= word[1:] != word[:-1]
    at = np.flatnonzero(fresh)
    value = np.zeros(len(at), dtype=np.uint64)
    right = good[at]
    for word in reversed(words):
        some = word[at]
        right &= ((some | (some + _NOT_DIGIT)) & _HIGH) == 0
        value *= _TENS[8]
        value += _number(some)
    runs = np.diff(at, append=len(ends))
    return np.repeat(value, runs), np.repeat(right, runs)


def floats(found: Decimals) -> tuple[FloatArray, BoolArray]:
    """The numbers as float64, and which of them are exact (rounded once); the others must be read otherwise.

    Integers up to 2^53 and powers of ten up to 10^22 are exact in float64, so that their quotient is rounded once.
    """
    values = found.mantissa.astype(np.float64) / _POWERS[found.places]
    return values, found.mantissa <= _EXACT


def _part(text: Text, ends: IntArray, lengths: IntArray) -> tuple[UintArray, IntArray, BoolArray, BoolArray]:
    """Of the last up to eight bytes: the digits' number, the digits after a point, whether good, whether a point."""
    word, odd = _word_of_digits(text, ends, lengths)
    good, point = _only_point(word, odd)
    dotted = odd != 0
    word ^= point * _DOT
    before = point - dotted
    before &= word
    before *= _BYTE
    word += before
    places = _AFTER[(point * _WHICH) >> _u(60)]
    return _number(word), places, good, dotted


def _word_of_digits(text: Text, ends: IntArray, lengths: IntArray) -> tuple[UintArray, UintArray]:
    """The last up to eight bytes, "0" as 0, and the highest bit of each byte that is no digit."""
    word = text.word(ends - 8)
    word ^= _ZEROS
    word &= _LAST[np.minimum(lengths, 8)]
    odd = word + _NOT_DIGIT
    odd |= word
    odd &= _HIGH
    return word, odd


def _only_point(word: UintArray, odd: UintArray) -> tuple[BoolArray, UintArray]:
    """Whether at most one byte is no digit and that is a point; and the lowest bit of that byte."""
    point = odd >> _u(7)
    good = (odd & (odd - _ONE)) == 0
    good &= (word & (point * _BYTE)) == point * _DOT
    return good, point


def _number(word: UintArray) -> UintArray:
    """The number of eight digits: neighbours are joined to pairs, pairs to fours, fours to eight."""
    pairs = word * _u(10)
    pairs += word >> _u(8)
    low = pairs & _u(0x000000FF000000FF)
    low *= _u(0x000F424000000064)
    pairs >>= _u(16)
    pairs &= _u(0x000000FF000000FF)
    pairs *= _u(0x0000271000000001)
    low += pairs
    low >>= _u(32)
    result: UintArray = low
    return result
