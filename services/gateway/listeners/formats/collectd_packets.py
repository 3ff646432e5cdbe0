"""collectd's binary protocol: a packet is a row of parts, each with its kind and its length."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from services.gateway.listeners.formats.collectd_types import Types
from services.lineprotocol.text import decode

_HEAD = struct.Struct(">HH")
_NUMBER = struct.Struct(">Q")
_COUNT = struct.Struct(">H")
_COUNTER, _GAUGE, _DERIVE, _ABSOLUTE = struct.Struct(">Q"), struct.Struct("<d"), struct.Struct(">q"), _NUMBER
_VALUES = (_COUNTER, _GAUGE, _DERIVE, _ABSOLUTE)

_TEXTS = {0x0: "host", 0x2: "plugin", 0x3: "plugin_instance", 0x4: "type", 0x5: "type_instance"}
_TIME, _TIME_FINE, _OF_VALUES, _SIGNED, _ENCRYPTED = 0x1, 0x8, 0x6, 0x200, 0x210

_LONGEST_TEXT = 1024
"""Eight times what collectd sends. Each of thousands of values gets the texts, so that long ones would make one
datagram take as long as a hundred thousand points."""


class BadPacket(ValueError):
    """It is none, or of a kind that is not read."""


@dataclass(frozen=True, slots=True)
class ValueList:
    """Values of one moment. time: in seconds. fine: in 2^-30 of a second, 0 where there is none. values: by names."""

    host: str = ""
    plugin: str = ""
    plugin_instance: str = ""
    type: str = ""
    type_instance: str = ""
    time: int = 0
    fine: int = 0
    values: tuple[tuple[str, float], ...] = ()

    @property
    def nanoseconds(self) -> int:
        """When it was, as the reference reckons: to the microsecond, and parts of a second a fourteenth too large."""
        if not self.fine:
            return self.time * 10**9
        part = ((self.fine & 0x3FFFFFFF) << 30) // 10**9
        return ((self.fine >> 30) * 10**9 + part + 500) // 1000 * 1000


def value_lists(packet: bytes, types: Types) -> list[ValueList]:
    """All of a packet, what parts say holding for those behind them. types: the names of values.

    Raises BadPacket, for the packet as a whole.
    """
    found = []
    now = ValueList()
    for kind, part in _parts(packet):
        if kind in _TEXTS:
            if len(part) > _LONGEST_TEXT:
                raise BadPacket(f"the {_TEXTS[kind]} has {len(part)} bytes, more than {_LONGEST_TEXT}")
            text: dict[str, Any] = {_TEXTS[kind]: decode(part[:-1])}
            now = replace(now, **text)
        elif kind == _TIME:
            now = replace(now, time=_number(part))
        elif kind == _TIME_FINE:
            now = replace(now, fine=_number(part))
        elif kind == _OF_VALUES:
            now = replace(now, values=tuple(_values(part, types.get(now.type))))
            found.append(now)
        elif kind in (_SIGNED, _ENCRYPTED):
            raise BadPacket("signed and encrypted packets are not read")
    return found


def _parts(packet: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(packet):
        if len(packet) - at < _HEAD.size:
            raise BadPacket(f"at byte {at}: no whole head of a part")
        kind, length = _HEAD.unpack_from(packet, at)
        if length <= _HEAD.size or at + length > len(packet):
            raise BadPacket(f"at byte {at}: no part can have {length} bytes")
        yield kind, packet[at + _HEAD.size : at + length]
        at += length


def _number(part: bytes) -> int:
    if len(part) < _NUMBER.size:
        raise BadPacket("a number is too short")
    number: int = _NUMBER.unpack_from(part)[0]
    return number


def _values(part: bytes, names: tuple[str, ...] | None) -> Iterator[tuple[str, float]]:
    """names: those of the data set, None where it is not known; then none has a name."""
    count = _COUNT.unpack_from(part)[0] if len(part) >= _COUNT.size else 0
    if len(part) < _COUNT.size + 9 * count:
        raise BadPacket("values are missing")
    if names is not None and count > len(names):
        raise BadPacket(f"there are {count} values of a data set of {len(names)}")
    for number, kind in enumerate(part[_COUNT.size : _COUNT.size + count]):
        if kind >= len(_VALUES):
            raise BadPacket(f"there is no value of kind {kind}")
        (value,) = _VALUES[kind].unpack_from(part, _COUNT.size + count + 8 * number)
        yield names[number] if names is not None else "", float(value)
