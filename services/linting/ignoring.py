"""Comments in a script that say which findings are meant: `// tickbus:ignore RULE, RULE` on the line before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grammar.tickscript.scanner import Token

_MARK = re.compile(r"tickbus:ignore\b[ :]*(.*)")
_WORD = re.compile(r"[\w-]+")


def ignored(tokens: Sequence[Token]) -> dict[int, frozenset[str]]:
    """By line, the rules whose findings do not count there; an empty set: those of all rules."""
    found: dict[int, frozenset[str]] = {}
    for token in tokens:
        for line in token.comment:
            match = _MARK.search(line)
            if match is not None:
                found[token.position.line] = _joined(found.get(token.position.line), _WORD.findall(match[1]))
    return found


def _joined(before: frozenset[str] | None, names: Sequence[str]) -> frozenset[str]:
    """Who names no rule means all of them."""
    if not names or (before is not None and not before):
        return frozenset()
    return frozenset(names) | (before or frozenset())
