"""Go's encoding/json of the values of a template, with <, > and & escaped as it does by default."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from grammar.gotemplate.errors import CallError
from grammar.gotemplate.strconv import decompose, format_float
from grammar.gotemplate.values import Struct, type_of

_UNSAFE = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\udc80-\udcff]')
_Layout = list[tuple[str, str, bool]]
_LAYOUTS: dict[type, _Layout] = {}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_json(value: Any) -> str:
    """The value as one line of JSON. Raises CallError "json: unsupported value: NaN" and the like."""
    write = _WRITERS.get(value.__class__)
    return write(value) if write is not None else _other(value)


def _other(value: Any) -> str:
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
            return _float(float(value))
        case "map":
            return _map(value)
        case "slice":
            return _slice(value)
    raise CallError(f"json: unsupported type: {go_type.name if go_type else 'nil'}")


def _string(text: str) -> str:
    return f'"{_UNSAFE.sub(_escape, text)}"' if _UNSAFE.search(text) else f'"{text}"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if "\udc80" <= char <= "\udcff":
        return "\\ufffd"
    return _ESCAPES.get(char) or f"\\u{ord(char):04x}"


def _float(value: float) -> str:
    if 1e-4 <= abs(value) < 1e16 or value == 0:
        text = float.__repr__(value)
        return text[:-2] if text.endswith(".0") else text
    if not math.isfinite(value):
        raise CallError(f"json: unsupported value: {format_float(value, 'g')}")
    exponent = decompose(value)[2]
    if value != 0 and not -6 <= exponent < 21:
        text = format_float(value, "e")
        return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
    return format_float(value, "f")


def _map(value: Mapping[str, Any]) -> str:
    return f"{{{','.join([_name(key) + to_json(value[key]) for key in sorted(value)])}}}"


@lru_cache(maxsize=4096)
def _name(key: str) -> str:
    """A key of an object with its colon; the same few come again and again."""
    return _string(key) + ":"


def _slice(value: Sequence[Any]) -> str:
    return f"[{','.join([to_json(one) for one in value])}]"


def _struct(value: Struct) -> str:
    parts = []
    cls = type(value)
    for field, name, omits_empty in _LAYOUTS.get(cls) or _layout(cls):
        one = getattr(value, field)
        if not omits_empty or one not in (None, "", {}, [], 0):
            parts.append(name + to_json(one))
    return f"{{{','.join(parts)}}}"


def _layout(cls: type[Struct]) -> _Layout:
    """The fields of a struct in order: attribute, name with colon, and whether it is left out when empty."""
    tags = [(field, *cls.go_json.get(field, field).partition(",")) for field in cls.go_fields]
    found = _LAYOUTS[cls] = [(field, _name(name), options == "omitempty") for field, name, _, options in tags]
    return found


_WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    str: _string,
    float: _float,
    int: str,
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "null",
    dict: _map,
    list: _slice,
}
