"""Numbers and booleans as Go's strconv reads and writes them.

The readers differ in what they take, as strconv's differ by their arguments and by what comes before them:

| reader | bases | underscores | without a value |
| --- | --- | --- | --- |
| `parse_int`, `parse_float`, `parse_bool` | 10, and hexadecimal floats | none | ValueError with Go's reason |
| `parse_separated_float` | 10, and hexadecimal floats | between two digits | ValueError with Go's reason |
| `float_of` | 10, and hexadecimal floats | between two digits | None |
| `integer_with_base`, `binary_integer` | by the prefix; 2 | none | None |
| `int_literal`, `float_literal` | by the prefix | as in Go's source | None |
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]++\.?[0-9a-fA-F]*+|\.[0-9a-fA-F]++)[pP][+-]?[0-9]++")
_IS_HEXADECIMAL = re.compile(r"[+-]?0[xX]")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])_(?=[0-9])")
_BETWEEN_HEXADECIMALS = re.compile(r"(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])")
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_WITH_BASE = re.compile(r"([+-]?)(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
_BINARY = re.compile(r"[+-]?[01]+")
_OCTAL = re.compile(r"0_?[0-7][0-7_]*")
_LONGEST = 70
"""Characters of the longest integer of 64 bits, its base and sign included, without zeros that count for nothing."""
_repr = float.__repr__  # of a number of a library of arrays, too
_NOT_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
_SYNTAX, _RANGE = "invalid syntax", "value out of range"
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def parse_bool(text: str) -> bool:
    """strconv.ParseBool: 1, t, true, 0, f, false and the like. ValueError "invalid syntax" for all else."""
    if text not in _BOOLEANS:
        raise ValueError(_SYNTAX)
    return _BOOLEANS[text]


def parse_int(text: str) -> int:
    """strconv.ParseInt(text, 10, 64), and Atoi: decimal digits with or without a sign.

    Raises ValueError "invalid syntax", or "value out of range" for what does not fit into int64.
    """
    if not _INTEGER.fullmatch(text):
        raise ValueError(_SYNTAX)
    sign = text[0] if text[0] in "+-" else "+"
    value = _in_64_bits(sign, text.removeprefix(sign), 10)
    if value is None:
        raise ValueError(_RANGE)
    return value


def parse_float(text: str) -> float:
    """strconv.ParseFloat(text, 64): decimal, hexadecimal, inf and nan.

    Raises ValueError "invalid syntax", or "value out of range" for what is too large.
    """
    if _DECIMAL.fullmatch(text):
        value = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            value = float.fromhex(text)
        except OverflowError:
            value = math.inf
    elif _SPECIAL.fullmatch(text):
        return float(text)
    else:
        raise ValueError(_SYNTAX)
    if math.isinf(value):
        raise ValueError(_RANGE)
    return value


def parse_separated_float(text: str) -> float:
    """As parse_float, with underscores between two digits."""
    between = _BETWEEN_HEXADECIMALS if _IS_HEXADECIMAL.match(text) else _BETWEEN_DIGITS
    return parse_float(between.sub("", text))


def float_of(text: str) -> float | None:
    """As parse_separated_float, but None for what is no float or too large."""
    try:
        return parse_separated_float(text)
    except ValueError:
        return None


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


def int_literal(text: str) -> int | None:
    """An integer of any size as Go's source may have it: 0x, 0o, 0b, a leading 0 for octal, underscores; else None."""
    sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if _OCTAL.fullmatch(digits):
        digits = "0o" + digits[1:]
    try:
        value = int(digits, 0)
    except ValueError:
        return None
    return -value if sign == "-" else value


def float_literal(text: str) -> float | None:
    """A float as a template may have it: underscores in hexadecimal ones only. None where it is none or too large."""
    try:
        return parse_float(text.replace("_", "") if _IS_HEXADECIMAL.match(text) else text)
    except ValueError:
        return None


def plain_float(value: float) -> str:
    """strconv.FormatFloat(value, 'f', -1, 64): the fewest digits that read back as the value, without an exponent."""
    text = _repr(value)
    if "e" in text:
        return format(Decimal(text), "f")
    return _NOT_FINITE[text] if "n" in text else text.removesuffix(".0")


def format_float(value: float, verb: str, precision: int = -1) -> str:
    """Go's strconv.FormatFloat for 64 bits: verb one of e E f g G x X b, precision -1 for the shortest text."""
    if verb == "g" and precision < 0 and (1e-4 <= abs(value) < 1e6 or value == 0):
        return plain_float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if verb in "xX":
        text = _hex_float(value, precision)
        return text.upper() if verb == "X" else text
    if verb == "b":
        return _binary_float(value)
    lower = verb.lower()
    if precision >= 0:
        text = f"{value:.{precision}{lower}}"
    elif lower == "f":
        text = plain_float(value)
    else:
        sign, digits, exponent = decompose(value)
        if lower == "g" and -4 <= exponent < 6:
            text = plain_float(value)
        else:
            tail = f".{digits[1:]}" if len(digits) > 1 else ""
            text = f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return text.upper() if verb in "EG" else text


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


def decompose(value: float) -> tuple[str, str, int]:
    """Sign, shortest decimal digits and decimal exponent of a finite number: 1250.0 gives '', '125', 3."""
    mantissa, _, exponent = _repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    if not stripped:
        return sign, "0", 0
    power = len(whole) - 1 - (len(digits) - len(stripped)) + int(exponent or 0)
    return sign, stripped.rstrip("0") or "0", power


def _in_64_bits(sign: str, digits: str, base: int) -> int | None:
    digits = digits.lstrip("0") or "0"
    if len(digits) > _LONGEST:
        return None
    value = int(digits, base)
    if sign == "-":
        return -value if value <= 1 << 63 else None
    return value if value < (1 << 63 if sign else 1 << 64) else None


def _hex_float(value: float, precision: int) -> str:
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        tail = "." + "0" * precision if precision > 0 else ""
        return f"{sign}0x0{tail}p+00"
    fraction, exponent = math.frexp(abs(value))
    bits = int(fraction * (1 << 53))
    exponent -= 1
    if 0 <= precision < 13:
        drop = 4 * (13 - precision)
        half, rest = 1 << (drop - 1), bits & ((1 << drop) - 1)
        bits >>= drop
        if rest > half or (rest == half and bits & 1):
            bits += 1
        bits <<= drop
        if bits >> 53:
            bits >>= 1
            exponent += 1
    digits = f"{bits & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    tail = f".{digits}" if digits else ""
    return f"{sign}0x1{tail}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _binary_float(value: float) -> str:
    _, exponent = math.frexp(value)
    exponent = max(exponent - 53, -1074)
    return f"{int(math.ldexp(value, -exponent))}p{exponent:+d}" if value else "0p-1074"
