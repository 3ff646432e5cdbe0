"""What compiled parts of a template are made of, and the frame that they run in."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

from grammar.golang.values import INTERFACE, Function, GoType, needs_box
from grammar.gotemplate import nodes


class Frame:
    """One execution of one template: what dot and $ are, the variables, and where the output goes."""

    __slots__ = ("dot", "root", "variables", "write")

    def __init__(self, dot: Any, write: Callable[[str], Any], slots: int) -> None:
        self.dot = dot
        self.root = dot
        self.write = write
        self.variables: list[Any] = [None] * slots


Run = Callable[[Frame], None]
Read = Callable[[Frame], Any]
# Reads something from a value: (frame, value) -> value
Step = Callable[[Frame, Any], Any]


class Expr(NamedTuple):
    """A compiled expression.

    type is its Go type where that is known; at the node that an error right after it names. path is set where it only
    reads attributes of the frame ("dot", "root", "dot.ServerInfo"). from_interface tells that the value comes out of a
    map or slice of interface {}, by which Go then names its type.
    """

    read: Read
    type: GoType | None
    at: nodes.Node
    path: str = ""
    from_interface: bool = False


class Given(NamedTuple):
    """What a function, method or field is called with: its operands, their dot, and what the pipeline passes on."""

    operands: list[nodes.Node]
    dot: GoType | None
    final: Expr | None = None

    def anything(self) -> bool:
        return bool(self.operands) or self.final is not None


class _Missing:
    """The value of a key that a map does not have, inside a chain of fields."""


MISSING: Final = _Missing()


def frame_value(name: str, node: nodes.Node, declared: GoType | None) -> Expr:
    """Dot ("dot") or $ ("root"); declared INTERFACE stands for an element of a map or slice of interface {}."""
    return Expr(attrgetter(name), static(declared), node, name, declared is INTERFACE)


def constant(value: Any, go_type: GoType | None, node: nodes.Node) -> Expr:
    return Expr(lambda frame: value, go_type, node)


def variable(slot: int, node: nodes.Node) -> Expr:
    return Expr(lambda frame: frame.variables[slot], None, node)


def stored(value: Expr, slot: int) -> Expr:
    """The value, kept in a variable on the way."""
    read = value.read

    def store(frame: Frame) -> Any:
        found = frame.variables[slot] = read(frame)
        return found

    return Expr(store, value.type, value.at)


def static(declared: GoType | None) -> GoType | None:
    """The type of a value read from a field: an interface says nothing of what is in it."""
    return None if declared is INTERFACE else declared


def plain_fields(base: Expr, idents: list[str], node: nodes.Node) -> Expr | None:
    """Fields of structs in structs from dot or $, the last perhaps a key of a map; None for any other chain."""
    if not base.path:
        return None
    declared = base.type
    path = base.path
    for number, ident in enumerate(idents, 1):
        struct = declared.struct if declared is not None else None
        if struct is None or ident not in struct.go_fields or ident in struct.go_type.methods:
            is_entry = declared is not None and declared.kind == "map" and not needs_box(declared.elem)
            return _entry(path, ident, node) if is_entry and number == len(idents) else None
        declared = static(struct.go_fields[ident])
        path = f"{path}.{ident}"
    return Expr(attrgetter(path), declared, node, path)


def _entry(path: str, key: str, node: nodes.Node) -> Expr:
    """An entry of a map in a field of a struct; nil where there is none."""
    read = attrgetter(path)

    def entry(frame: Frame) -> Any:
        table = read(frame)
        return table.get(key) if table else None

    return Expr(entry, None, node)


def bad_count(name: str, function: Function, given: Given) -> str:
    """Why a function cannot be called with that many arguments; empty where it can."""
    wanted = len(function.params)
    total = len(given.operands) + (given.final is not None)
    if function.variadic:
        if total < wanted - 1:
            return f"wrong number of args for {name}: want at least {wanted - 1} got {len(given.operands)}"
    elif total != wanted:
        return f"wrong number of args for {name}: want {wanted} got {total}"
    return ""
