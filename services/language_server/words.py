"""A script's words while it is being written: what cannot be read hides nothing but the rest of its line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from grammar.tickscript.limits import MAX_WORDS
from grammar.tickscript.scanner import EOF, ERROR, scan

_TRIPLE = "'''"


class Word(NamedTuple):
    """A token of the grammar's scanner, whose kinds it has. start, end: offsets in characters.

    comment: the lines of comments before it. first: whether it is the first of its line and stands at its beginning.
    """

    kind: str
    text: str
    start: int
    end: int
    comment: tuple[str, ...]
    first: bool


def words(text: str) -> list[Word]:
    """The words of a text, without lone surrogates, in order.

    Where the scanner cannot go on, the rest of the line is one word of the kind ERR, and the next line is read; a text
    in three quotes that is not closed reaches to the end. Behind MAX_WORDS words it stops.
    """
    found: list[Word] = []
    at = 0
    while at < len(text) and len(found) < MAX_WORDS:
        some = list(_scanned(text[at:], at))
        found += some
        if not some or some[-1].kind != ERROR:
            break
        at = some[-1].end + 1
    return found


def in_comment(text: str, words: list[Word]) -> bool:
    """Whether what is written at the end of a text, of which these are the words, is a comment."""
    behind = text[words[-1].end if words else 0 :]
    line = behind.rpartition("\n")[2]
    return "//" in line or ("\n" in behind and "//" in behind and line.lstrip().startswith("/"))


def _scanned(text: str, base: int) -> Iterator[Word]:
    """The words up to the first that cannot be read; base: the offset of the text."""
    characters = _characters(text)
    for kind, word, position, comment in scan(text, MAX_WORDS):
        if kind == EOF:
            return
        start = characters[position.offset] if characters else position.offset
        end = _line_end(text, start) if kind == ERROR else start + len(word)
        first = position.char == 1
        yield Word(kind, text[start:end], base + start, base + end, comment, first)


def _characters(text: str) -> list[int] | None:
    """By offset in bytes, that in characters; None where they are the same."""
    if text.isascii():
        return None
    found = [0] * (len(text.encode()) + 1)
    for character, offset in enumerate(accumulate((len(one.encode()) for one in text), initial=0)):
        found[offset] = character
    return found


def _line_end(text: str, start: int) -> int:
    if text.startswith(_TRIPLE, start):
        return len(text)
    end = text.find("\n", start)
    return len(text) if end < 0 else end
