"""The messages between tickbus and a user defined function, and how they are framed.

Each message is a Request (to the function) or a Response (from it) in protobuf, with its length as a varint before it.
The wire format is Kapacitor's, so that functions written for it work as they are. The schema is built here from the
tables below, so that neither installing nor copying this module needs a protobuf compiler. Depends on nothing but the
`protobuf` package: agents import it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

STREAM, BATCH = 0, 1
"""EdgeType"""
BOOL, INT, DOUBLE, STRING, DURATION = range(5)
"""ValueType"""
VALUE_TYPES = ("BOOL", "INT", "DOUBLE", "STRING", "DURATION")

LARGEST = 1 << 30
"""The largest message that is read, in bytes."""

_ENUMS = {"EdgeType": ("STREAM", "BATCH"), "ValueType": VALUE_TYPES}

# Message -> field -> (number, type); "*T" repeats, "K>V" is a map, a trailing "?" puts the field into the message's
# only oneof.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "InfoRequest": {},
    "InfoResponse": {"wants": (1, "EdgeType"), "provides": (2, "EdgeType"), "options": (3, "string>OptionInfo")},
    "OptionInfo": {"valueTypes": (1, "*ValueType")},
    "InitRequest": {"options": (1, "*Option"), "taskID": (2, "string"), "nodeID": (3, "string")},
    "Option": {"name": (1, "string"), "values": (2, "*OptionValue")},
    "OptionValue": {
        "type": (1, "ValueType"),
        "boolValue": (2, "bool?"),
        "intValue": (3, "int64?"),
        "doubleValue": (4, "double?"),
        "stringValue": (5, "string?"),
        "durationValue": (6, "int64?"),
    },
    "InitResponse": {"success": (1, "bool"), "error": (2, "string")},
    "SnapshotRequest": {},
    "SnapshotResponse": {"snapshot": (1, "bytes")},
    "RestoreRequest": {"snapshot": (1, "bytes")},
    "RestoreResponse": {"success": (1, "bool"), "error": (2, "string")},
    "KeepaliveRequest": {"time": (1, "int64")},
    "KeepaliveResponse": {"time": (1, "int64")},
    "ErrorResponse": {"error": (1, "string")},
    "BeginBatch": {
        "name": (1, "string"),
        "group": (2, "string"),
        "tags": (3, "string>string"),
        "size": (4, "int64"),
        "byName": (5, "bool"),
    },
    "Point": {
        "time": (1, "int64"),
        "name": (2, "string"),
        "database": (3, "string"),
        "retentionPolicy": (4, "string"),
        "group": (5, "string"),
        "dimensions": (6, "*string"),
        "tags": (7, "string>string"),
        "fieldsDouble": (8, "string>double"),
        "fieldsInt": (9, "string>int64"),
        "fieldsString": (10, "string>string"),
        "byName": (11, "bool"),
        "fieldsBool": (12, "string>bool"),
    },
    "EndBatch": {
        "name": (1, "string"),
        "group": (2, "string"),
        "tmax": (3, "int64"),
        "tags": (4, "string>string"),
        "byName": (5, "bool"),
    },
    "Request": {
        "info": (1, "InfoRequest?"),
        "init": (2, "InitRequest?"),
        "keepalive": (3, "KeepaliveRequest?"),
        "snapshot": (4, "SnapshotRequest?"),
        "restore": (5, "RestoreRequest?"),
        "begin": (16, "BeginBatch?"),
        "point": (17, "Point?"),
        "end": (18, "EndBatch?"),
    },
    "Response": {
        "info": (1, "InfoResponse?"),
        "init": (2, "InitResponse?"),
        "keepalive": (3, "KeepaliveResponse?"),
        "snapshot": (4, "SnapshotResponse?"),
        "restore": (5, "RestoreResponse?"),
        "error": (6, "ErrorResponse?"),
        "begin": (16, "BeginBatch?"),
        "point": (17, "Point?"),
        "end": (18, "EndBatch?"),
    },
}

_PACKAGE = "agent"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _FIELD.TYPE_BOOL,
    "int64": _FIELD.TYPE_INT64,
    "double": _FIELD.TYPE_DOUBLE,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}


class ProtocolError(Exception):
    """What came is not of this protocol."""


def _schema() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="tickbus_udf.proto", package=_PACKAGE, syntax="proto3")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, type_) in fields.items():
            if ">" in type_:
                key, value = type_.split(">")
                entry = message.nested_type.add(name=f"{field[0].upper()}{field[1:]}Entry")
                entry.options.map_entry = True
                _add(entry, "key", 1, key)
                _add(entry, "value", 2, value)
                _add(message, field, number, f"*{name}.{entry.name}")
            else:
                _add(message, field, number, type_)
    return file


def _add(message: Any, name: str, number: int, type_: str) -> None:
    field = message.field.add(name=name, number=number)
    field.label = _FIELD.LABEL_REPEATED if type_.startswith("*") else _FIELD.LABEL_OPTIONAL
    bare = type_.strip("*?")
    if bare in _SCALARS:
        field.type = _SCALARS[bare]
    else:
        field.type = _FIELD.TYPE_ENUM if bare in _ENUMS else _FIELD.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{bare}"
    if type_.endswith("?"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="message" if message.name in ("Request", "Response") else "value")
        field.oneof_index = 0


def _classes() -> dict[str, Any]:
    # A pool of its own: a program that has Kapacitor's generated module loaded too must not clash with it.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_schema())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_BUILT = _classes()

Request: Any = _BUILT["Request"]
Response: Any = _BUILT["Response"]
Point: Any = _BUILT["Point"]
BeginBatch: Any = _BUILT["BeginBatch"]
EndBatch: Any = _BUILT["EndBatch"]


def varint(n: int) -> bytes:
    """A number >= 0 as protobuf writes it."""
    if n < 0x80:
        return bytes((n,))
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def framed(message: Any) -> bytes:
    """A Request or Response as it goes over the wire."""
    data: bytes = message.SerializeToString()
    return varint(len(data)) + data


class Unframer:
    """Cuts what is read into messages, however it was cut on the way."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole by now. ProtocolError where a length makes no sense."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while at < end:
            size, start = _length(data, at)
            if start < 0 or start + size > end:
                break
            yield data[start : start + size]
            at = start + size
        self._rest = data[at:]

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._rest)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at` and where it ends; -1 for where it is not whole yet."""
    size = shift = 0
    for i in range(at, min(at + 5, len(data))):
        byte = data[i]
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            if size > LARGEST:
                break
            return size, i + 1
        shift += 7
    else:
        if len(data) - at < 5:
            return 0, -1
    raise ProtocolError("a message's length makes no sense")


_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Text as protobuf takes it: what is no Unicode is replaced."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
