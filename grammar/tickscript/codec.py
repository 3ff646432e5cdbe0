"""Syntax trees as bytes, so that a script that was parsed once need not be parsed again.

Places and comments are kept. The form is our own and changes with the tree; `load` refuses any other version.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import msgpack

from grammar.tickscript.ast import (
    Binary,
    Bool,
    Call,
    Chain,
    Dbrp,
    Declaration,
    DurationLit,
    ExpressionStatement,
    Identifier,
    Lambda,
    Link,
    List,
    Node,
    Number,
    Position,
    Reference,
    Regex,
    Script,
    Star,
    String,
    TypeDeclaration,
    Unary,
)

VERSION = 1
_MAGIC = b"TICK"


def dump(script: Script) -> bytes:
    """A script as bytes that `load` reads: magic, version, CRC-32, and the nodes in MessagePack."""
    body: bytes = msgpack.packb(_pack(script))
    return _header(body) + body


def load(data: bytes) -> Script:
    """The script that was dumped; ValueError for anything else, also for what another version dumped."""
    body = data[len(_MAGIC) + 5 :]
    if data[: len(_MAGIC) + 5] != _header(body):
        raise ValueError("not a TICKscript tree of this version")
    script = _unpack(msgpack.unpackb(body))
    if not isinstance(script, Script):
        raise ValueError("not a whole TICKscript")
    return script


def _header(body: bytes) -> bytes:
    return _MAGIC + bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "big")


def _pack(value: Any) -> Any:
    """A node is [number of its class, offset, line, char, comment, its own fields …]; a tuple is a list behind a 0."""
    if isinstance(value, Node):
        number, names = _PACKED[type(value)]
        place = value.position
        fields = [_pack(getattr(value, name)) for name in names]
        return [number, place.offset, place.line, place.char, value.comment or None, *fields]
    if isinstance(value, tuple):
        return [0, *(_pack(item) for item in value)]
    return value


def _unpack(value: Any) -> Any:
    if type(value) is not list:
        return value
    number = value[0]
    if number == 0:
        return tuple([_unpack(item) for item in value[1:]])
    position = _new(Position)
    _set_offset(position, value[1])
    _set_line(position, value[2])
    _set_char(position, value[3])
    cls, setters = _UNPACKED[number]
    node = _new(cls)
    _set_position(node, position)
    comment = value[4]
    _set_comment(node, tuple(comment) if comment else ())
    for setter, item in zip(setters, value[5:], strict=True):
        setter(node, _unpack(item) if type(item) is list else item)
    return node


# Nodes are frozen. Writing their slots straight, past the constructor, halves the time that loading takes.
_new = object.__new__


def _setter(cls: type, name: str) -> Callable[[Any, Any], None]:
    setter: Callable[[Any, Any], None] = getattr(cls, name).__set__
    return setter


_set_offset, _set_line, _set_char = (_setter(Position, name) for name in ("offset", "line", "char"))
_set_position, _set_comment = (_setter(Node, name) for name in ("position", "comment"))

_CLASSES: tuple[type[Node], ...] = (
    Script,
    Declaration,
    TypeDeclaration,
    Dbrp,
    ExpressionStatement,
    Chain,
    Link,
    List,
    Lambda,
    Call,
    Binary,
    Unary,
    Reference,
    Identifier,
    Star,
    Regex,
    Bool,
    String,
    DurationLit,
    Number,
)
_PACKED: dict[type[Node], tuple[int, tuple[str, ...]]] = {
    cls: (number, tuple(name for name in cls.__dataclass_fields__ if name not in ("position", "comment")))
    for number, cls in enumerate(_CLASSES, 1)
}
_UNPACKED = {number: (cls, tuple(_setter(cls, name) for name in names)) for cls, (number, names) in _PACKED.items()}
