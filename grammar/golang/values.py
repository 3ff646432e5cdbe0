"""The Go types of the values that a template works on.

A value is plain Python: str, float (float64), int (int64), bool, None (nil), dict (map[string]interface {}) and list
([]interface {}). What needs another Go type is an instance of a class that names it in `go_type`: the number types
below, Time and Duration, and the structs, which are subclasses of Struct.
"""

from __future__ import annotations

import dataclasses
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, dataclass_transform

from grammar.golang.errors import CallError


class GoType:
    """A Go type: its name as Go prints it, its kind, and what is needed to read from its values.

    kind is one of bool, int, uint, float, complex, string, map, slice, struct, interface, value. elem is the type of
    the elements of a map or slice; struct the Python class of a struct; methods what may be called on a value.
    """

    __slots__ = ("elem", "kind", "methods", "name", "struct")

    def __init__(self, name: str, kind: str, elem: GoType | None = None, struct: type[Struct] | None = None) -> None:
        self.name = name
        self.kind = kind
        self.elem = elem
        self.struct = struct
        self.methods: dict[str, Function] = {}

    def __repr__(self) -> str:
        return f"GoType({self.name})"


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """A function or method: its parameter types (the last one repeats if variadic), its code and its result type.

    call takes the receiver first where it is a method, and raises CallError for what Go returns as an error.
    result is None where it depends on the arguments; results counts Go's results (two mean: not callable).
    """

    call: Callable[..., Any]
    params: tuple[GoType, ...] = ()
    variadic: bool = False
    result: GoType | None = None
    results: int = 1


BOOL: Final = GoType("bool", "bool")
INT: Final = GoType("int", "int")
INT64: Final = GoType("int64", "int")
UINT8: Final = GoType("uint8", "uint")
FLOAT64: Final = GoType("float64", "float")
COMPLEX128: Final = GoType("complex128", "complex")
STRING: Final = GoType("string", "string")
INTERFACE: Final = GoType("interface {}", "interface")
# The parameter type of the built-in functions that take whatever there is.
VALUE: Final = GoType("reflect.Value", "value")
STRINGS: Final = GoType("map[string]string", "map", STRING)
ANYTHINGS: Final = GoType("map[string]interface {}", "map", INTERFACE)
LIST: Final = GoType("[]interface {}", "slice", INTERFACE)

_BY_CLASS: Final[dict[type, GoType]] = {
    str: STRING,
    float: FLOAT64,
    int: INT64,
    bool: BOOL,
    complex: COMPLEX128,
    dict: ANYTHINGS,
    list: LIST,
    tuple: LIST,
}
_COMPOSED: Final[dict[str, GoType]] = {one.name: one for one in (STRINGS, ANYTHINGS, LIST)}


class Int(int):
    """Go's int: constants of a template, lengths, indexes of a range."""

    go_type: ClassVar[GoType] = INT


class Uint8(int):
    """One byte of a string."""

    go_type: ClassVar[GoType] = UINT8


class Uint64(int):
    """Go's uint64."""

    go_type: ClassVar[GoType] = GoType("uint64", "uint")


class GoMap(dict[str, Any]):
    """A map of another type than map[string]interface {}."""

    __slots__ = ("go_type",)
    go_type: GoType


class NilMap(GoMap):
    """A nil map[string]string: like an empty one, but null in JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.go_type = STRINGS

    def go_json(self) -> str:
        """Its JSON."""
        return "null"


class GoSlice(list[Any]):
    """A slice of another type than []interface {}."""

    __slots__ = ("go_type",)
    go_type: GoType


class Level(int):
    """Kapacitor's alert.Level: OK, INFO, WARNING, CRITICAL from 0 to 3."""

    go_type: ClassVar[GoType] = GoType("alert.Level", "int")

    def go_string(self) -> str:
        return ("OK", "INFO", "WARNING", "CRITICAL")[self] if 0 <= self <= 3 else "unknown"

    go_text = go_string


Level.go_type.methods["String"] = Function(Level.go_string, result=STRING)


@dataclass_transform(eq_default=False)
class Struct:
    """Base of the classes whose instances a template sees as Go structs; a subclass of one embeds it.

    class Row(Struct, go="models.Row", pointer=True, json={"Name": "name,omitempty"}):
        Name: str
        Tags: dict[str, str]

    go is the type's name in errors, pointer that the template gets *models.Row, json the struct tags. A field's
    annotation gives its Go type: str, bool, float, int (int64), Int, Time, Duration, Level, object (interface {}),
    dict[str, X], list[X], another Struct; Annotated[X, "name"] names a type. A String method is go_string().
    """

    go_type: ClassVar[GoType]
    go_fields: ClassVar[Mapping[str, GoType]] = {}
    go_json: ClassVar[Mapping[str, str]] = {}
    go_pointer: ClassVar[bool] = False

    def __init_subclass__(cls, go: str, pointer: bool = False, json: Mapping[str, str] | None = None) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(eq=not pointer)(cls)
        hints = typing.get_type_hints(cls, include_extras=True)
        names = [one.name for one in dataclasses.fields(cls)]  # type: ignore[arg-type]
        cls.go_fields = {name: _from_hint(hints[name]) for name in names}
        cls.go_json = {**cls.go_json, **(json or {})}
        cls.go_pointer = pointer
        cls.go_type = GoType("*" + go if pointer else go, "struct", struct=cls)
        text = getattr(cls, "go_string", None)
        if text is not None:
            cls.go_type.methods["String"] = Function(text, result=STRING)


def type_of(value: Any) -> GoType | None:
    """The Go type of a value; None for nil. Raises CallError for what is no value of a template."""
    known = _BY_CLASS.get(value.__class__)
    if known is not None:
        return known
    if value is None:
        return None
    own: GoType | None = getattr(value, "go_type", None)
    if own is not None:
        return own
    # Subclasses and foreign scalars (an array library's, say) count as what they stand for.
    for base in (str, Mapping, list, tuple):
        if isinstance(value, base):
            return _BY_CLASS.get(base, ANYTHINGS)
    if isinstance(value, numbers.Integral):
        return INT64
    if isinstance(value, numbers.Real):
        return FLOAT64
    raise CallError(f"no Go type for {type(value).__name__}")


def boxed(value: Any, declared: GoType) -> Any:
    """The value with its declared type attached, where Python's type alone does not tell it."""
    if declared.kind == "map" and declared is not ANYTHINGS and not isinstance(value, GoMap):
        table = GoMap(value or ())
        table.go_type = declared
        return table
    if declared.kind == "slice" and declared is not LIST and type(value) is not GoSlice:
        row = GoSlice(value or ())
        row.go_type = declared
        return row
    if value is None and declared.kind in ("map", "slice"):
        return {} if declared.kind == "map" else []
    return value


def needs_box(declared: GoType | None) -> bool:
    """True where `boxed` may change a value of this type."""
    return declared is not None and declared.kind in ("map", "slice")


def zero_of(declared: GoType | None) -> Any:
    """The zero value of a type, as a missing element of a map of it reads."""
    if declared is None or declared.kind in ("interface", "struct"):
        return None
    if declared.kind in ("map", "slice"):
        return boxed(None, declared)
    return {"string": "", "bool": False, "float": 0.0, "complex": 0j}.get(declared.kind, 0)


def _from_hint(hint: Any) -> GoType:
    """The Go type that an annotation stands for."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        base = _from_hint(args[0])
        return GoType(args[1], base.kind, base.elem, base.struct)
    if origin in (types.UnionType, typing.Union):
        return INTERFACE if hint_is_any(args) else _from_hint(next(arg for arg in args if arg is not type(None)))
    own = getattr(hint, "go_type", None) if origin is None else None
    if isinstance(own, GoType):
        return own
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _composed(f"map[{_from_hint(args[0]).name}]", "map", _from_hint(args[1]))
    if isinstance(origin, type):
        return _composed("[]", "slice", _from_hint(args[0]))
    return _BY_CLASS.get(hint, INTERFACE)


def hint_is_any(args: tuple[Any, ...]) -> bool:
    """True for a union of more than one type and None: an interface."""
    return len([arg for arg in args if arg is not type(None)]) > 1


def _composed(head: str, kind: str, elem: GoType) -> GoType:
    name = head + elem.name
    return _COMPOSED.setdefault(name, GoType(name, kind, elem))
