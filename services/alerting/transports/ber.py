"""A trap of SNMP v2c as a datagram: as much of ASN.1's basic encoding rules as that takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from grammar.golang.quoting import quote

_INTEGER, _STRING, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_TICKS, _COUNTER64, _TRAP = 0x43, 0x46, 0xA7
_V2C = 1
_UPTIME, _TRAP_OID = "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.1.1.4.1.0"
_SOME_TICKS = 1000
_DIGITS = re.compile(r"[+-]?[0-9]+")
_REFUSED: Mapping[str, str] = {
    "a": "IP address",
    "d": "Decimal string",
    "o": "Object ID",
    "u": "Unsigned integer",
    "x": "Hexadecimal string",
}


def trap(community: str, oid: str, values: Sequence[tuple[str, bytes]], request: int = 1) -> bytes:
    """The datagram. values: object identifiers, each with what `value_of` gives. ValueError where one is none."""
    try:
        named = _oid(oid)
    except ValueError as error:
        raise ValueError(f"invalid trap Oid {quote(oid)}: {error}") from None
    bindings = [_binding(_oid(_UPTIME), _tagged(_TICKS, _unsigned(_SOME_TICKS))), _binding(_oid(_TRAP_OID), named)]
    for name, value in values:
        try:
            bindings.append(_binding(_oid(name), value))
        except ValueError as error:
            raise ValueError(f"invalid data Oid {quote(name)}: {error}") from None
    body = _integer(request) + _integer(0) + _integer(0) + _tagged(_SEQUENCE, b"".join(bindings))
    head = _integer(_V2C) + _tagged(_STRING, community.encode("utf-8", "replace"))
    return _tagged(_SEQUENCE, head + _tagged(_TRAP, body))


def value_of(kind: str, text: str) -> bytes:
    """A value by the letter of its type, encoded. ValueError for other letters, and for what is no such value."""
    match kind:
        case "c":
            return _tagged(_COUNTER64, _unsigned(_number(text) % 2**64))
        case "i":
            return _integer((_number(text) + 2**31) % 2**32 - 2**31)
        case "n":
            return _tagged(_NULL, b"")
        case "s":
            return _tagged(_STRING, text.encode("utf-8", "replace"))
        case "t":
            return _tagged(_TICKS, _unsigned(_number(text) % 2**32))
    if kind in _REFUSED:
        raise ValueError(f"Snmptrap Datatype '{_REFUSED[kind]}' not supported")
    raise ValueError(f"Snmptrap Datatype not known: {kind}")


def _number(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"parsing {quote(text)}: invalid syntax")
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"parsing {quote(text)}: value out of range")
    return value


def _binding(name: bytes, value: bytes) -> bytes:
    return _tagged(_SEQUENCE, name + value)


def _integer(value: int) -> bytes:
    return _tagged(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _unsigned(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _oid(text: str) -> bytes:
    parts = text.strip(".").split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError("it must be numbers with dots between them")
    first, second, *rest = map(int, parts)
    if first > 2 or (first < 2 and second > 39) or any(number >= 2**32 for number in rest):
        raise ValueError("a number of it is too large")
    return _tagged(_OID, b"".join(map(_base128, [40 * first + second, *rest])))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
