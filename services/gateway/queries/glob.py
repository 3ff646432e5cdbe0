"""Patterns of ids, as Go's path.Match has them: `*`, `?`, `[a-z]`, `[^a]` and backslash escapes."""

from __future__ import annotations

import re
from functools import lru_cache

from grammar.regex import Regex, RegexError, escape

_NOTHING = Regex(r"[^\x00-\x{10FFFF}]")
_PART = re.compile(r"(?P<star>\*+)|(?P<any>\?)|\\(?P<escaped>.)|(?P<class>\[)|(?P<plain>[^\\])", re.DOTALL)
_CLASS = re.compile(r"\[(\^?+)((?:(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+)\]", re.DOTALL)
_RANGE = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> Regex:
    """An expression that says whether a text fits. A malformed pattern fits nothing; it is no error.

    It is run by RE2: what a pattern costs grows with the text, whatever its stars.
    """
    out, at = [], 0
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None:
            return _NOTHING
        at = part.end()
        if part["class"]:
            found = _CLASS.match(pattern, part.start())
            ranges = _ranges(found[2]) if found else None
            if found is None or ranges is None:
                return _NOTHING
            out.append(f"[{found[1]}{ranges}]")
            at = found.end()
        elif part["star"]:
            out.append("[^/]*")
        elif part["any"]:
            out.append("[^/]")
        else:
            out.append(escape(part["escaped"] or part["plain"]))
    try:
        return Regex(f"(?s)\\A(?:{''.join(out)})\\z")
    except RegexError:
        return _NOTHING


def _ranges(text: str) -> str | None:
    """What stands in a class of a regular expression. None where it fits nothing at all: every range runs backwards."""
    kept = []
    for first, last in _RANGE.findall(text):
        if not last or first <= last:
            kept.append(escape(first) + (f"-{escape(last)}" if last else ""))
    return "".join(kept) or None
