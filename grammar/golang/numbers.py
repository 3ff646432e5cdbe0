"""Numbers as Go's strconv reads and writes them, where grammar.gotemplate.strconv reads Go's literals."""

from __future__ import annotations

import re
import struct

from grammar.gotemplate.strconv import format_float

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])_(?=[0-9])")
_BETWEEN_HEXADECIMALS = re.compile(r"(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])")
_SPECIAL = re.compile(r"[+-]?(?:inf|infinity)|nan", re.IGNORECASE)
_WITH_BASE = re.compile(r"([+-]?)(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
_BINARY = re.compile(r"[+-]?[01]+")
_LONGEST = 70
"""Characters of the longest integer of 64 bits, its base and sign included, without zeros that count for nothing."""


def float_of(text: str) -> float | None:
    """strconv.ParseFloat for 64 bits: decimal, hexadecimal, inf and nan; None for what is none or too large.

    An underscore may stand between two digits.
    """
    if _SPECIAL.fullmatch(text):
        return float(text)
    decimal = _BETWEEN_DIGITS.sub("", text)
    if _DECIMAL.fullmatch(decimal):
        value = float(decimal)
    else:
        hexadecimal = _BETWEEN_HEXADECIMALS.sub("", text)
        if not _HEXADECIMAL.fullmatch(hexadecimal):
            return None
        try:
            value = float.fromhex(hexadecimal)
        except OverflowError:
            return None
    return None if value in (float("inf"), float("-inf")) else value


def integer_with_base(text: str) -> int | None:
    """strconv.ParseInt, or ParseUint, with base 0: what comes before the digits says the base, a 0 is octal's.

    Without underscores. None for what is none, and beyond 64 bits: -2^63 to 2^63-1, without a sign to 2^64-1.
    """
    match = _WITH_BASE.fullmatch(text)
    if match is None:
        return None
    sign, digits = match[1], match[2]
    base = {"b": 2, "o": 8, "x": 16}.get(digits[1:2].lower(), 8 if digits[0] == "0" else 10)
    return _in_64_bits(sign, digits[2:] if digits[1:2].isalpha() else digits, base)


def binary_integer(text: str) -> int | None:
    """strconv.ParseInt, or ParseUint, with base 2, as integer_with_base."""
    if not _BINARY.fullmatch(text):
        return None
    sign = text[0] if text[0] in "+-" else ""
    return _in_64_bits(sign, text.removeprefix(sign), 2)


def decimal_integer(text: str) -> int | None:
    """strconv.Atoi: decimal digits with or without a sign; None for what is none or does not fit into int64."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    sign = text[0] if text[0] in "+-" else "+"
    return _in_64_bits(sign, text.removeprefix(sign), 10)


def short_float(value: float) -> str:
    """strconv.FormatFloat(value, 'g', -1, 32): the fewest digits that tell the number from others of 32 bits."""
    try:
        (near,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        near = float("inf") if value > 0 else float("-inf")
    for digits in range(1, 10):
        shortest = float(f"{near:.{digits - 1}e}")
        if abs(shortest) < 3.5e38 and struct.pack("f", shortest) == struct.pack("f", near):
            return format_float(shortest, "g")
    return format_float(near, "g")


def _in_64_bits(sign: str, digits: str, base: int) -> int | None:
    digits = digits.lstrip("0") or "0"
    if len(digits) > _LONGEST:
        return None
    value = int(digits, base)
    if sign == "-":
        return -value if value <= 1 << 63 else None
    return value if value < (1 << 63 if sign else 1 << 64) else None
