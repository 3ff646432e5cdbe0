"""What there is to say of the word at a place."""

from __future__ import annotations

from typing import NamedTuple

from services.expressions.functions import CLOCK, FUNCTIONS
from services.language_server import pages
from services.language_server.items import var_item
from services.language_server.sketch import Slot, Statement, Want, sketch
from services.language_server.standing import SOURCE_STANDINGS, node_of, property_of
from services.language_server.words import words
from services.pipeline.registry import Registry
from services.pipeline.spec import HandlerSpec


class Hover(NamedTuple):
    """Markdown, and where the word is that it is about: offsets."""

    page: str
    start: int
    end: int


def hover(source: str, offset: int, registry: Registry) -> Hover | None:
    """What there is to say of the word at an offset; None: nothing."""
    found = words(source)
    index = next(
        (i for i, one in enumerate(found) if one.start <= offset <= one.end and one.kind == "identifier"), None
    )
    if index is None:
        return None
    word = found[index]
    slot = sketch(found[:index], registry).slot
    page = _page(slot, word.text, sketch(found, registry).vars, source, registry)
    return Hover(page, word.start, word.end) if page else None


def _page(slot: Slot, name: str, vars: dict[str, Statement], source: str, registry: Registry) -> str:
    match slot.want:
        case Want.NODE:
            node = node_of(name, registry)
            return pages.node_page(node) if node is not None else ""
        case Want.FUNCTION:
            function = registry.functions.get(name)
            return pages.user_function_page(function) if function is not None else ""
        case Want.PROPERTY:
            return _property(slot, name, registry)
        case Want.OPERAND if name in FUNCTIONS or name == CLOCK:
            return pages.function_page(name)
        case Want.TYPE:
            return ""
    if name in vars:
        item = var_item(vars[name], source)
        return "\n\n".join(part for part in (pages.code(item.head), item.about) if part)
    return pages.node_page(SOURCE_STANDINGS[name].spec) if name in SOURCE_STANDINGS else ""


def _property(slot: Slot, name: str, registry: Registry) -> str:
    if slot.at is None:
        return ""
    found = property_of(slot.at, name, registry)
    if isinstance(found, HandlerSpec):
        return pages.handler_page(found)
    if found is not None:
        return pages.property_page(found)
    return pages.code(pages.option_head(name, slot.at.options[name])) if name in slot.at.options else ""
