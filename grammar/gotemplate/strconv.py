"""Go's conversions between text and numbers or quoted strings.

A Go string is bytes. Here it is a str whose undecodable bytes are the surrogates of Python's surrogateescape.
"""

from __future__ import annotations

import math
import re
import unicodedata

_SHORT_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}
_UNESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_FLOAT = re.compile(r"[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?\d[\d_]*)?")


def is_print(char: str) -> bool:
    """True for what Go counts as printable: letters, marks, numbers, punctuation, symbols and the ASCII blank."""
    return char == " " or unicodedata.category(char)[0] in "LMNPS"


def quote(text: str, mark: str = '"', ascii_only: bool = False) -> str:
    """The text as a Go literal in the given quotes, with what is not printable escaped."""
    if mark == '"' and _PLAIN.fullmatch(text):
        return f'"{text}"'
    out = [mark]
    for char in text:
        code = ord(char)
        if char == mark or char == "\\":
            out.append("\\" + char)
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif is_print(char) and not (ascii_only and code > 0x7E):
            out.append(char)
        elif char in _SHORT_ESCAPES:
            out.append(_SHORT_ESCAPES[char])
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        elif code < 0x10000:
            out.append(f"\\u{code:04x}")
        else:
            out.append(f"\\U{code:08x}")
    out.append(mark)
    return "".join(out)


def unquote(literal: str) -> str:
    """The text of a quoted Go literal (", ' or `); ValueError "invalid syntax" where it is none."""
    mark = literal[0]
    body = literal[1:-1]
    if mark == "`":
        return body.replace("\r", "")
    if "\\" not in body and mark == '"':
        return body
    out = bytearray()
    at = 0
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode("utf-8", "surrogateescape")
            at += 1
            continue
        piece, at = _unescape(body, at + 1, mark)
        out += piece
    return out.decode("utf-8", "surrogateescape")


def _unescape(body: str, at: int, mark: str) -> tuple[bytes, int]:
    char = body[at : at + 1]
    if char in _UNESCAPES and char:
        return _UNESCAPES[char].encode(), at + 1
    if char and char in "'\"":
        if char != mark:
            raise ValueError("invalid syntax")
        return char.encode(), at + 1
    if char and char in "xuU":
        width = {"x": 2, "u": 4, "U": 8}[char]
        digits = body[at + 1 : at + 1 + width]
        if not re.fullmatch(f"[0-9a-fA-F]{{{width}}}", digits):
            raise ValueError("invalid syntax")
        code = int(digits, 16)
        if char == "x" and mark == '"':
            return bytes([code]), at + 1 + width
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError("invalid syntax")
        return chr(code).encode(), at + 1 + width
    digits = body[at : at + 3]
    if not re.fullmatch("[0-7]{3}", digits) or int(digits, 8) > 255:
        raise ValueError("invalid syntax")
    return (bytes([int(digits, 8)]) if mark == '"' else chr(int(digits, 8)).encode()), at + 3


def parse_int(text: str) -> int | None:
    """A Go integer literal (0x, 0o, 0b, leading 0 for octal, underscores after a base), of any size; else None."""
    sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if re.fullmatch(r"0_?[0-7][0-7_]*", digits):
        digits = "0o" + digits[1:]
    try:
        value = int(digits, 0)
    except ValueError:
        return None
    return -value if sign == "-" else value


def parse_float(text: str) -> float | None:
    """A Go floating-point literal, hexadecimal ones included; None where it is none or too large."""
    body = text.lstrip("+-")
    try:
        if body[:2] in ("0x", "0X"):
            return float.fromhex(text.replace("_", "")) if "p" in body.lower() else None
        if not _FLOAT.fullmatch(text) or "_" in text:
            return None
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return None if math.isinf(value) else value


def format_float(value: float, verb: str, precision: int = -1) -> str:
    """Go's strconv.FormatFloat for 64 bits: verb one of e E f g G x X b, precision -1 for the shortest text."""
    if verb == "g" and precision < 0 and (1e-4 <= abs(value) < 1e6 or value == 0):
        text = float.__repr__(value)
        return text[:-2] if text.endswith(".0") else text
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
        text = _expand(value)
    else:
        sign, digits, exponent = decompose(value)
        if lower == "g" and -4 <= exponent < 6:
            text = _expand(value)
        else:
            tail = f".{digits[1:]}" if len(digits) > 1 else ""
            text = f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return text.upper() if verb in "EG" else text


def decompose(value: float) -> tuple[str, str, int]:
    """Sign, shortest decimal digits and decimal exponent of a finite number: 1250.0 gives '', '125', 3."""
    mantissa, _, exponent = f"{float.__repr__(value):s}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    if not stripped:
        return sign, "0", 0
    power = len(whole) - 1 - (len(digits) - len(stripped)) + int(exponent or 0)
    return sign, stripped.rstrip("0") or "0", power


def _expand(value: float) -> str:
    text = float.__repr__(value)
    if "e" not in text:
        return text[:-2] if text.endswith(".0") else text
    sign, digits, exponent = decompose(value)
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    if exponent + 1 >= len(digits):
        return sign + digits.ljust(exponent + 1, "0")
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


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
