"""Go's encoding/json of the values of a template, with <, > and & escaped as it does by default."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from grammar.gotemplate.errors import CallError
from grammar.gotemplate.strconv import decompose, format_float
from grammar.gotemplate.values import Struct, type_of

_UNSAFE = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\udc80-\udcff]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_json(value: Any) -> str:
    """The value as one line of JSON. Raises CallError "json: unsupported value: NaN" and the like."""
    if value is None:
        return "null"
    if value.__class__ is str:
        return _string(value)
    if value.__class__ is bool:
        return "true" if value else "false"
    if isinstance(value, Struct):
        return _struct(value)
    for name in ("go_json", "go_text"):
        method = getattr(value, name, None)
        if method is not None:
            text: str = method()
            return text if name == "go_json" else _string(text)
    go_type = type_of(value)
    match go_type.kind if go_type is not None else "":
        case "string":
            return _string(value)
        case "int" | "uint":
            return str(int(value))
        case "float":
            return _float(value)
        case "map":
            return _map(value)
        case "slice":
            return f"[{','.join([to_json(one) for one in value])}]"
    raise CallError(f"json: unsupported type: {go_type.name if go_type else 'nil'}")


def _string(text: str) -> str:
    return f'"{_UNSAFE.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if "\udc80" <= char <= "\udcff":
        return "\\ufffd"
    return _ESCAPES.get(char) or f"\\u{ord(char):04x}"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise CallError(f"json: unsupported value: {format_float(value, 'g')}")
    exponent = decompose(value)[2]
    if value != 0 and not -6 <= exponent < 21:
        text = format_float(value, "e")
        return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
    return format_float(value, "f")


def _map(value: Mapping[str, Any]) -> str:
    return f"{{{','.join([f'{_string(key)}:{to_json(value[key])}' for key in sorted(value)])}}}"


def _struct(value: Struct) -> str:
    parts = []
    for field in value.go_fields:
        name, _, options = value.go_json.get(field, field).partition(",")
        one = getattr(value, field)
        if options != "omitempty" or one not in (None, "", {}, [], 0):
            parts.append(f"{_string(name)}:{to_json(one)}")
    return f"{{{','.join(parts)}}}"
