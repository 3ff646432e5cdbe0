"""Go's encoding/json, with <, > and & escaped as it does by default: the JSON of all that leaves.

`to_json` knows the values of templates; `encode` is the fast way for plain data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from grammar.golang.errors import CallError
from grammar.golang.numbers import decompose, format_float, plain_float
from grammar.golang.values import Struct, type_of

_HTML = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
_PAIR = re.compile(rb"\\.")
_LONGER = {b"\\b": b"\\u0008", b"\\f": b"\\u000c"}
_NOT_TEXT = re.compile("[\udc80-\udcff]")
_UNSAFE = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\udc80-\udcff]')
_Layout = list[tuple[str, str, bool]]
_LAYOUTS: dict[type, _Layout] = {}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_json(value: Any) -> str:
    """The value as one line of JSON. Raises CallError "json: unsupported value: NaN" and the like."""
    write = _WRITERS.get(value.__class__)
    return write(value) if write is not None else _other(value)


def encode(value: Any, *, indented: bool = False) -> bytes:
    """Plain data (dicts with their keys in the order given, lists, scalars; Structs in it) as JSON in UTF-8.

    indented: laid out for reading. Raises CallError as `to_json` does.
    """
    option = orjson.OPT_INDENT_2 if indented else 0
    try:
        data = orjson.dumps(_plain(value), option=option)
    except TypeError:
        # bytes that are no text, kept as surrogates
        data = orjson.dumps(_plain(value, _text), option=option)
    for char, escaped in _HTML:
        if char in data:
            data = data.replace(char, escaped)
    if b"\\b" in data or b"\\f" in data:
        data = _PAIR.sub(lambda pair: _LONGER.get(pair[0], pair[0]), data)
    return data


def _plain(value: Any, text: Callable[[str], str] | None = None) -> Any:
    """The value with all in it that orjson would write in another way already written."""
    kind = value.__class__
    if kind is float:
        return _number(value)
    if kind is list or kind is tuple:
        return [one if one.__class__ in _AS_IT_IS and text is None else _plain(one, text) for one in value]
    if kind is dict:
        if text is None:
            return {key: one if one.__class__ in _AS_IT_IS else _plain(one) for key, one in value.items()}
        return {text(key): _plain(one, text) for key, one in value.items()}
    if kind is str and text is not None:
        return text(value)
    return orjson.Fragment(to_json(value)) if isinstance(value, Struct) or hasattr(value, "go_type") else value


_AS_IT_IS: Final = frozenset((str, int, bool, type(None)))


def _number(value: float) -> Any:
    """A float: itself where orjson writes it as Go does, an int where it is whole, else already written."""
    size = abs(value)
    if 1e-4 <= size < 1e15:
        whole = int(value)
        return whole if whole == value else value
    return orjson.Fragment(_float(value))


def _text(text: str) -> str:
    return _NOT_TEXT.sub("\ufffd", text)


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
        return plain_float(value)
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
