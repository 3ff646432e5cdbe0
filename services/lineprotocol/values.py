"""Many field values at once: their types, whether they can be read, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, FloatArray, IntArray
from services.lineprotocol import reference_parser
from services.lineprotocol.digits import Text, are_decimals, decimals, floats

CodeArray = NDArray[np.uint8]

NONE, FLOAT, INT, STRING, BOOL = range(5)

_MINUS, _SUFFIX, _POINT = ord("-"), ord("i"), ord(".")
_TYPES = np.full(256, BOOL, dtype=np.uint8)
_TYPES[list(b"0123456789-.")] = FLOAT
_TYPES[ord('"')] = STRING
_LONGEST_BOOL = 5


def _words(texts: list[bytes]) -> NDArray[np.uint64]:
    return np.array([int.from_bytes(t, "little") for t in texts], dtype=np.uint64)


_TRUE = _words([b"t", b"T", b"true", b"True", b"TRUE"])
_FALSE = _words([b"f", b"F", b"false", b"False", b"FALSE"])
_MAX_INT: Final = np.uint64(2**63 - 1)


@dataclass(frozen=True, slots=True)
class TypedValues:
    """Values of several types, in parallel.

    codes: uint8[n], one of FLOAT, INT, STRING, BOOL, or NONE for what cannot be read.
    floats, ints, bools, strings: values where the code says so, each None where no value has the type.
    """

    codes: CodeArray
    floats: FloatArray | None
    ints: IntArray | None
    bools: BoolArray | None
    strings: NDArray[Any] | None


def read(text: Text, starts: IntArray, ends: IntArray) -> TypedValues:
    """The values between `starts` and `ends` (not included), which are those of regular lines."""
    codes, last = _types(text, starts, ends)
    codes[(codes == FLOAT) & (last == _SUFFIX)] = INT
    present = np.bincount(codes, minlength=5)
    n = len(starts)
    values: dict[int, NDArray[Any]] = {}
    readers: dict[int, Any] = {FLOAT: _floats, INT: _ints, BOOL: _bools, STRING: _strings}
    for code, reader in readers.items():
        if not present[code]:
            continue
        if present[code] == n:
            values[code], good = reader(text, starts, ends)
            if not good.all():
                codes[~good] = NONE
        else:
            at = np.flatnonzero(codes == code)
            some, good = reader(text, starts[at], ends[at])
            values[code] = np.zeros(n, dtype=some.dtype)
            values[code][at] = some
            codes[at[~good]] = NONE
    return TypedValues(codes, values.get(FLOAT), values.get(INT), values.get(BOOL), values.get(STRING))


def are_valid(text: Text, starts: IntArray, ends: IntArray) -> BoolArray:
    """Which values of regular lines the reference takes."""
    types, last = _types(text, starts, ends)
    plain = np.flatnonzero(types == FLOAT)
    if len(plain) == len(starts):
        return _are_numbers(text, starts, ends, last)
    good = np.ones(len(starts), dtype=np.bool_)
    good[plain] = _are_numbers(text, starts[plain], ends[plain], last[plain])
    rest = np.flatnonzero(types == BOOL)
    word = _bool_words(text, starts[rest], ends[rest])
    good[rest] = np.isin(word, _TRUE) | np.isin(word, _FALSE)
    return good


def _types(text: Text, starts: IntArray, ends: IntArray) -> tuple[CodeArray, NDArray[np.uint8]]:
    return _TYPES[text.bytes[starts]], text.bytes[ends - 1]


def _are_numbers(text: Text, starts: IntArray, ends: IntArray, last: NDArray[np.uint8]) -> BoolArray:
    digits = starts + (text.bytes[starts] == _MINUS)
    suffix = last == _SUFFIX
    if not suffix.any():
        good = are_decimals(text, ends, ends - digits)
    else:
        found = decimals(text, ends - suffix, ends - suffix - digits)
        good = found.good & (~suffix | (~found.pointed & (found.mantissa <= _MAX_INT)))
    for i in np.flatnonzero(~good).tolist():
        good[i] = reference_parser.is_number(text.raw[starts[i] : ends[i]])
    return good


def _floats(text: Text, starts: IntArray, ends: IntArray) -> tuple[FloatArray, BoolArray]:
    minus = text.bytes[starts] == _MINUS
    found = decimals(text, ends, ends - starts - minus)
    values, exact = floats(found)
    np.negative(values, where=minus, out=values)
    good = found.good
    exact &= good
    _read_one_by_one(text, starts, ends, values, exact, good, float)
    return values, good


def _ints(text: Text, starts: IntArray, ends: IntArray) -> tuple[IntArray, BoolArray]:
    minus = text.bytes[starts] == _MINUS
    found = decimals(text, ends - 1, ends - 1 - starts - minus)
    good = found.good & ~found.pointed & (found.mantissa <= _MAX_INT)
    values = found.mantissa.view(np.int64)
    np.negative(values, where=minus, out=values)
    _read_one_by_one(text, starts, ends, values, good, good, int)
    return values, good


def _read_one_by_one(
    text: Text, starts: IntArray, ends: IntArray, values: NDArray[Any], done: BoolArray, good: BoolArray, kind: type
) -> None:
    """Read one by one what is not done yet: the longest, the least regular, and what is not valid."""
    if done.all():
        return
    at = np.flatnonzero(~done)
    raw = text.raw
    for i, start, end in zip(at.tolist(), starts[at].tolist(), ends[at].tolist(), strict=True):
        value = reference_parser.value(raw[start:end])
        good[i] = isinstance(value, kind)
        values[i] = value if isinstance(value, kind) else 0


def _bools(text: Text, starts: IntArray, ends: IntArray) -> tuple[BoolArray, BoolArray]:
    word = _bool_words(text, starts, ends)
    true = np.isin(word, _TRUE)
    return true, true | np.isin(word, _FALSE)


def _bool_words(text: Text, starts: IntArray, ends: IntArray) -> NDArray[np.uint64]:
    """Their texts as words; 0, which is none of them, for longer ones."""
    lengths = ends - starts
    return text.after(starts, lengths) * (lengths <= _LONGEST_BOOL).astype(np.uint64)


def _strings(text: Text, starts: IntArray, ends: IntArray) -> tuple[NDArray[Any], BoolArray]:
    raw = text.raw
    spans = zip((starts + 1).tolist(), (ends - 1).tolist(), strict=True)
    values = np.empty(len(starts), dtype=np.object_)
    values[:] = [reference_parser.string(raw[start:end]) for start, end in spans]
    return values, np.ones(len(starts), dtype=np.bool_)
