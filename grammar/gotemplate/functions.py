"""The built-in functions of text/template, and the `json` function that Kapacitor adds."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote_plus

from grammar.golang.errors import CallError
from grammar.golang.fmt import sprint, sprintf, sprintln, text_of
from grammar.golang.json_writer import to_json
from grammar.golang.values import (
    BOOL,
    INT,
    INTERFACE,
    STRING,
    VALUE,
    Function,
    GoType,
    Int,
    Uint8,
    boxed,
    needs_box,
    type_of,
    zero_of,
)
from grammar.gotemplate.limits import bounded

# The ampersand comes first: the others bring in new ones.
_HTML_ESCAPES = (("&", "&amp;"), ("\x00", "\ufffd"), ('"', "&#34;"), ("'", "&#39;"), ("<", "&lt;"), (">", "&gt;"))
_JS = re.compile("[\\\\'\"<>&=\x00-\x1f]|[^\x00-\x7f]")
_SIMPLE = frozenset((str, int, float, bool))
_JS_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"'}


def truth(value: Any) -> bool:
    """What if and with make of a value: false for nil, zero, and what is empty."""
    return bool(value)


def html(*args: Any) -> str:
    """Text safe in HTML."""
    return escape_markup(_joined(args))


def escape_markup(text: str) -> str:
    """The text with what has a meaning in HTML replaced by entities."""
    for char, entity in _HTML_ESCAPES:
        if char in text:
            text = text.replace(char, entity)
    return text


def js(*args: Any) -> str:
    """Text safe in a JavaScript string."""
    return _JS.sub(_js_escape, _joined(args))


def urlquery(*args: Any) -> str:
    """Text safe in the query of a URL."""
    return quote_plus(_joined(args), safe="-_.~", errors="surrogateescape")


def index(item: Any, *indexes: Any) -> Any:
    """item[i][j]…: the zero value for a missing key of a map, CallError for a bad index."""
    if item is None:
        raise CallError("index of untyped nil")
    for at in indexes:
        if item is None:
            raise CallError("index of nil pointer")
        go_type = _known(item)
        if go_type.kind == "map":
            item = _map_element(item, at, go_type)
        elif go_type.kind in ("slice", "string"):
            data = item.encode("utf-8", "surrogateescape") if go_type.kind == "string" else item
            position = _position(at, len(data))
            if position == len(data):
                raise CallError(f"reflect: {go_type.kind} index out of range")
            item = Uint8(data[position]) if go_type.kind == "string" else element(data[position], go_type)
        else:
            raise CallError(f"can't index item of type {go_type.name}")
    return item


def element(value: Any, container: GoType) -> Any:
    """An element of a map or slice, with the type that the container declares for it."""
    return boxed(value, container.elem) if needs_box(container.elem) and container.elem else value


def slice_of(item: Any, *indexes: Any) -> Any:
    """item[i:j], by bytes where it is a string."""
    if item is None:
        raise CallError("slice of untyped nil")
    if len(indexes) > 3:
        raise CallError(f"too many slice indexes: {len(indexes)}")
    go_type = _known(item)
    if go_type.kind not in ("string", "slice"):
        raise CallError(f"can't slice item of type {go_type.name}")
    if go_type.kind == "string" and len(indexes) == 3:
        raise CallError("cannot 3-index slice a string")
    data = item.encode("utf-8", "surrogateescape") if go_type.kind == "string" else item
    bounds = [0, len(data), len(data)]
    for number, at in enumerate(indexes):
        bounds[number] = _position(at, len(data))
    if bounds[0] > bounds[1]:
        raise CallError(f"invalid slice index: {bounds[0]} > {bounds[1]}")
    if bounds[1] > bounds[2]:
        raise CallError(f"invalid slice index: {bounds[1]} > {bounds[2]}")
    part = data[bounds[0] : bounds[1]]
    if go_type.kind == "string":
        return part.decode("utf-8", "surrogateescape")
    return part


def length(item: Any) -> Int:
    """Bytes of a string, elements of a map or slice."""
    go_type = type_of(item)
    if go_type is None:
        raise CallError("reflect: call of reflect.Value.Type on zero Value")
    if go_type.kind == "string":
        return Int(len(item.encode("utf-8", "surrogateescape")))
    if go_type.kind in ("map", "slice"):
        return Int(len(item))
    raise CallError(f"len of type {go_type.name}")


def eq(first: Any, *others: Any) -> bool:
    """True if the first argument equals any of the others."""
    if not others:
        raise CallError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def lt(first: Any, second: Any) -> bool:
    one, other = _basic(first), _basic(second)
    if not one or not other:
        raise CallError("invalid type for comparison")
    if one != other and {one, other} != {"int", "uint"}:
        raise CallError("incompatible types for comparison")
    if one in ("bool", "complex"):
        raise CallError("invalid type for comparison")
    if one == "string":
        return bool(first.encode("utf-8", "surrogateescape") < second.encode("utf-8", "surrogateescape"))
    return bool(first < second)


def le(first: Any, second: Any) -> bool:
    return lt(first, second) or _equal(first, second)


def call(*args: Any) -> Any:
    """No value of a template is a function: always a CallError."""
    if not args or args[0] is None:
        raise CallError("call of nil")
    raise CallError(f"non-function of type {_known(args[0]).name}")


def json_line(value: Any) -> str:
    """Kapacitor's json function: one line of JSON with a newline; nothing where the value has no JSON."""
    try:
        return to_json(value) + "\n"
    except CallError:
        return ""


def _joined(args: tuple[Any, ...]) -> str:
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(*["<no value>" if arg is None else arg for arg in args])


def _js_escape(found: re.Match[str]) -> str:
    char = found[0]
    if char in _JS_ESCAPES:
        return _JS_ESCAPES[char]
    if char > "\x7f" and char.isprintable():
        return char
    if "\udc80" <= char <= "\udcff":
        return "\\uFFFD"
    return f"\\u{ord(char):04X}"


def _known(value: Any) -> GoType:
    go_type = type_of(value)
    assert go_type is not None
    return go_type


def _map_element(table: Any, key: Any, go_type: GoType) -> Any:
    if not isinstance(key, str):
        if key is None:
            raise CallError("value is nil; should be of type string")
        raise CallError(f"value has type {_known(key).name}; should be string")
    found = table.get(key)
    return zero_of(go_type.elem) if found is None else found


def _position(at: Any, limit: int) -> int:
    if at is None:
        raise CallError("cannot index slice/array with nil")
    if _basic(at) not in ("int", "uint"):
        raise CallError(f"cannot index slice/array with type {_known(at).name}")
    if not 0 <= at <= limit:
        raise CallError(f"index out of range: {int(at)}")
    return int(at)


def _basic(value: Any) -> str:
    """The kind by which values compare; empty for what does not."""
    go_type = type_of(value)
    kind = go_type.kind if go_type is not None else ""
    return kind if kind in ("bool", "int", "uint", "float", "complex", "string") else ""


def _equal(first: Any, second: Any) -> bool:
    if first.__class__ is second.__class__ and first.__class__ in _SIMPLE:
        return bool(first == second)
    one, other = _basic(first), _basic(second)
    if one != other and {one, other} != {"int", "uint"}:
        if first is None or second is None:
            return False
        raise CallError("incompatible types for comparison")
    if one:
        return bool(first == second)
    if first is None or second is None:
        return first is second
    kind = _known(first)
    if kind.kind != _known(second).kind:
        name = _known(second).name
        raise CallError(f"non-comparable types {sprintf('%s', first)}: {kind.name}, {name}: {text_of(second)}")
    if not _comparable(_known(second)):
        raise CallError(f"non-comparable type {sprintf('%s', second)}: {_known(second).name}")
    return bool(first == second)


def _comparable(go_type: GoType) -> bool:
    """False for maps and slices, and for structs that hold one."""
    struct = go_type.struct
    if struct is None or struct.go_pointer:
        return go_type.kind not in ("map", "slice")
    return all(_comparable(one) for one in struct.go_fields.values())


BUILTINS: Final[dict[str, Function]] = {
    # The compiler evaluates and, or itself: they stop at the first argument that decides.
    "and": Function(truth, (VALUE, VALUE), variadic=True),
    "or": Function(truth, (VALUE, VALUE), variadic=True),
    "call": Function(call, (VALUE, VALUE), variadic=True),
    "html": Function(bounded(html), (INTERFACE,), variadic=True, result=STRING),
    "index": Function(index, (VALUE, VALUE), variadic=True),
    "slice": Function(slice_of, (VALUE, VALUE), variadic=True),
    "js": Function(bounded(js), (INTERFACE,), variadic=True, result=STRING),
    "len": Function(length, (VALUE,), result=INT),
    "not": Function(lambda value: not value, (VALUE,), result=BOOL),
    "print": Function(bounded(sprint), (INTERFACE,), variadic=True, result=STRING),
    "printf": Function(bounded(sprintf), (STRING, INTERFACE), variadic=True, result=STRING),
    "println": Function(bounded(sprintln), (INTERFACE,), variadic=True, result=STRING),
    "urlquery": Function(bounded(urlquery), (INTERFACE,), variadic=True, result=STRING),
    "eq": Function(eq, (VALUE, VALUE), variadic=True, result=BOOL),
    "ne": Function(lambda first, second: not _equal(first, second), (VALUE, VALUE), result=BOOL),
    "lt": Function(lt, (VALUE, VALUE), result=BOOL),
    "le": Function(le, (VALUE, VALUE), result=BOOL),
    "gt": Function(lambda first, second: not le(first, second), (VALUE, VALUE), result=BOOL),
    "ge": Function(lambda first, second: not lt(first, second), (VALUE, VALUE), result=BOOL),
}
JSON: Final = Function(bounded(json_line), (INTERFACE,), result=STRING)
