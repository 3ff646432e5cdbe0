"""Patterns of ids, as Go's path.Match has them: `*`, `?`, `[a-z]`, `[^a]` and backslash escapes."""

from __future__ import annotations

import re
from functools import lru_cache

_NOTHING = re.compile(r"(?!)")
_PART = re.compile(r"(?P<star>\*+)|(?P<any>\?)|\\(?P<escaped>.)|(?P<class>\[)|(?P<plain>[^\\])", re.DOTALL)
_CLASS = re.compile(r"\[(\^?+)((?:(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+)\]", re.DOTALL)
_RANGE = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """An expression whose fullmatch says whether a text fits. A malformed pattern fits nothing; it is no error."""
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
            out.append(re.escape(part["escaped"] or part["plain"]))
    return re.compile("".join(out), re.DOTALL)


def _ranges(text: str) -> str | None:
    """What stands in a class, for `re`. None where it fits nothing at all: every range runs backwards."""
    kept = []
    for first, last in _RANGE.findall(text):
        if not last or first <= last:
            kept.append(re.escape(first) + (f"-{re.escape(last)}" if last else ""))
    return "".join(kept) or None
