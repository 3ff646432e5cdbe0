"""What can be written at a place of a script."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.expressions.functions import CLOCK, FUNCTIONS
from services.language_server import pages
from services.language_server.sketch import Sketch, Slot, Statement, Types, Want
from services.language_server.standing import SOURCE_STANDINGS, nodes_behind, properties_of
from services.pipeline.compiler.vars import VarType
from services.pipeline.docs import handler_head, node_head, property_head
from services.pipeline.functions import FunctionSpec
from services.pipeline.registry import Registry
from services.pipeline.spec import HandlerSpec, NodeSpec, PropertySpec, Type


class Kind(enum.Enum):
    """What an item is."""

    NODE = "node"
    PROPERTY = "property"
    HANDLER = "handler"
    FUNCTION = "function"
    VAR = "var"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Item:
    """A word that can be written. head: how it is written, in a line. about: what it is for, Markdown.

    called: whether brackets come behind it. text: what is written, where that is not the name.
    """

    name: str
    kind: Kind
    head: str = ""
    about: str = ""
    called: bool = False
    text: str = ""


def items(drawn: Sketch, source: str, registry: Registry) -> list[Item]:
    """What can be written where a sketch ends; source: the text that it was made of."""
    asked = _Asked(drawn, source, registry)
    found = list(_ITEMS[drawn.slot.want](asked)) if drawn.slot.want in _ITEMS else []
    if drawn.slot.ends:
        found += _statement(asked)
    return found


def var_item(one: Statement, source: str) -> Item:
    """A var as the script declares it."""
    head = _first_line(source[one.start : one.end])
    return Item(one.name or "", Kind.VAR, head, "\n".join(line.strip("\n") for line in one.comment))


def node_item(spec: NodeSpec) -> Item:
    """A node, or `stream` or `batch`."""
    return Item(spec.name, Kind.NODE, node_head(spec), pages.node_about(spec), not spec.head)


class _Asked(NamedTuple):
    drawn: Sketch
    source: str
    registry: Registry

    @property
    def slot(self) -> Slot:
        return self.drawn.slot


def _nodes(asked: _Asked) -> Iterator[Item]:
    yield from map(node_item, nodes_behind(asked.slot.at, asked.registry))


def _functions(asked: _Asked) -> Iterator[Item]:
    for spec in asked.registry.functions.values():
        yield _user_function(spec)


def _properties(asked: _Asked) -> Iterator[Item]:
    if asked.slot.at is None:
        return
    known = properties_of(asked.slot.at, asked.registry)
    yield from (_property(name, spec) for name, spec in known.items())
    for name, types in asked.slot.at.options.items():
        yield Item(name, Kind.PROPERTY, pages.option_head(name, types), called=True)
    if _QUIET not in known and not asked.slot.at.spec.head:
        yield Item(_QUIET, Kind.PROPERTY, f".{_QUIET}()", "The node's errors are counted and not logged.", True)


def _operands(asked: _Asked) -> Iterator[Item]:
    for function in FUNCTIONS.values():
        yield Item(function.name, Kind.FUNCTION, pages.function_head(function), function.doc, True)
    yield Item(CLOCK, Kind.FUNCTION, f"{CLOCK}() time", pages.CLOCK_DOC, True)
    yield from (var_item(one, asked.source) for one in _before(asked.drawn) if not one.is_node)
    yield from _keywords("TRUE", "FALSE")


def _operators(asked: _Asked) -> Iterator[Item]:
    yield from _keywords("AND", "OR")


def _values(asked: _Asked) -> Iterator[Item]:
    for one in _before(asked.drawn):
        if _takes(asked.slot.takes, Type.NODE) if one.is_node else asked.slot.takes != _ONLY_NODES:
            yield var_item(one, asked.source)
    if asked.slot.takes is None:
        yield from _sources(asked.drawn)
    if _takes(asked.slot.takes, Type.LAMBDA):
        yield Item("lambda", Kind.KEYWORD, text="lambda: ")
    if _takes(asked.slot.takes, Type.BOOL, Type.ANY):
        yield from _keywords("TRUE", "FALSE")
    if asked.slot.takes is not None and Type.DIMENSION in asked.slot.takes:
        yield Item("time", Kind.FUNCTION, "time(duration, [offset duration])", "Spans of time to group by.", True)


def _statement(asked: _Asked) -> Iterator[Item]:
    yield from _sources(asked.drawn)
    yield from (var_item(one, asked.source) for one in asked.drawn.vars.values() if one.is_node)
    yield from _keywords("var", "dbrp")


def _types(asked: _Asked) -> Iterator[Item]:
    yield from _keywords(*(one.value for one in VarType))


_ITEMS: dict[Want, Callable[[_Asked], Iterator[Item]]] = {
    Want.NODE: _nodes,
    Want.FUNCTION: _functions,
    Want.PROPERTY: _properties,
    Want.OPERAND: _operands,
    Want.OPERATOR: _operators,
    Want.VALUE: _values,
    Want.STATEMENT: _statement,
    Want.TYPE: _types,
}
"""Where nothing can be told, there is none."""
_QUIET = "quiet"
_ONLY_NODES: Types = frozenset({Type.NODE})
_LONGEST = 120


def _property(name: str, spec: PropertySpec | HandlerSpec) -> Item:
    if isinstance(spec, HandlerSpec):
        return Item(name, Kind.HANDLER, handler_head(spec), pages.handler_about(spec), True)
    return Item(name, Kind.PROPERTY, property_head(spec), spec.doc, True)


def _user_function(spec: FunctionSpec) -> Item:
    return Item(spec.name, Kind.NODE, f"@{spec.name}()", pages.user_function_about(spec), True)


def _before(drawn: Sketch) -> Sequence[Statement]:
    """The vars that the last statement can read: none is declared by itself."""
    return [one for one in drawn.vars.values() if one is not drawn.statements[-1]]


def _sources(drawn: Sketch) -> Iterator[Item]:
    """`stream` and `batch`, or the one that the script has begun with."""
    for name, one in SOURCE_STANDINGS.items():
        if not drawn.sources or name in drawn.sources:
            yield node_item(one.spec)


def _keywords(*words: str) -> Iterator[Item]:
    return (Item(word, Kind.KEYWORD) for word in words)


def _takes(types: Types | None, *wanted: Type) -> bool:
    return types is None or not types.isdisjoint(wanted)


def _first_line(text: str) -> str:
    line, _, rest = text.partition("\n")
    return f"{line[:_LONGEST].rstrip()} …" if rest or len(line) > _LONGEST else line
