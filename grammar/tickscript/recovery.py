"""What is wrong with the syntax of a script behind the first mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.limits import MAX_WORDS
from grammar.tickscript.scanner import scan
from grammar.tickscript.syntax_errors import raise_syntax_error

MOST = 20
"""Mistakes that are told of a script, the first one included."""


def errors_behind(text: str, first: TickscriptError) -> Iterator[TickscriptError]:
    """What is wrong with the statements behind the mistake that `parse` has refused a script for, in order.

    text: the script, without lone surrogates. Reading goes on with the next statement that begins at the beginning of
    a line, with `var`, `dbrp`, or a name and the chain behind it. What stands before that cannot be told apart from the
    mistake and is not looked at.
    """
    if not first.position.line:
        return
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    at, found = 0, first
    for _ in range(MOST - 1):
        offset = len(text.encode()[: found.position.offset].decode(errors="ignore"))
        at = next((start for start in starts if start > at and start >= offset), len(text))
        wrong = _first(text, at)
        if wrong is None:
            return
        yield wrong
        found = wrong


def _first(text: str, at: int) -> TickscriptError | None:
    """The first mistake from an offset on; None where there is none, or more than can be looked at."""
    blank = _SEEN.sub(lambda match: " " * len(match[0].encode()), text[:at])
    rest = blank + text[at:]
    tokens = scan(rest, MAX_WORDS)
    if len(tokens) > MAX_WORDS:
        return None
    try:
        raise_syntax_error(rest, tokens)
    except TickscriptError as error:
        return error if error.position.line else None


_STATEMENT = re.compile(r"^(?:var|dbrp)\b|^[^\W\d_]\w*\s*[|@]", re.MULTILINE)
_SEEN = re.compile(r"[^\n]+")
