"""What can be written at a place of a script, however far it is written."""

from __future__ import annotations

from grammar.tickscript.scanner import ERROR
from services.language_server.items import Item, items
from services.language_server.sketch import sketch
from services.language_server.words import Word, in_comment, words
from services.pipeline.registry import Registry

_WORDS = frozenset({"identifier", "var", "dbrp", "AND", "OR", "TRUE", "FALSE"})


def completion(source: str, offset: int, registry: Registry) -> list[Item]:
    """What can be written at an offset, in place of the word that ends there if there is one.

    What stands behind does not count. registry: what scripts may use. In comments, texts and names of fields there is
    nothing to complete.
    """
    before = source[:offset]
    found = words(before)
    if in_comment(before, found) or (found and _is_inside(found[-1], offset)):
        return []
    if found and found[-1].kind in _WORDS and found[-1].end == offset:
        found.pop()
    return items(sketch(found, registry), before, registry)


def _is_inside(word: Word, offset: int) -> bool:
    """Whether a word that ends at an offset is a text that goes on, or a number, to which no name can be added."""
    return word.kind in (ERROR, "number", "duration") and word.end == offset
