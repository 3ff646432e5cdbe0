"""The vars and nodes of a script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.language_server.sketch import Statement, sketch
from services.language_server.words import words
from services.pipeline.registry import Registry


@dataclass(frozen=True, slots=True)
class Symbol:
    """A var, a chain without one (`is_var` False, named by its first word), or a node of either.

    start, end: offsets of the whole of it; name_start: of its name. inside: the nodes of a chain, in order.
    """

    name: str
    is_var: bool
    detail: str
    start: int
    end: int
    name_start: int
    inside: tuple[Symbol, ...] = ()


def symbols(source: str, registry: Registry) -> list[Symbol]:
    """The symbols of a script, in order, however far it is written."""
    drawn = sketch(words(source), registry)
    return [symbol for one in drawn.statements for symbol in _symbols(one)]


def _symbols(one: Statement) -> Iterator[Symbol]:
    inside = tuple(Symbol(part.name, False, "", part.start, part.end, part.name_start) for part in one.parts)
    if one.name is not None:
        yield Symbol(one.name, True, one.type_name, one.start, one.end, one.name_start, inside)
    elif inside:
        yield Symbol(one.head, False, "", one.start, one.end, one.start, inside)
