"""What scripts may use, made from how it is declared: the list of it, and a page about each."""

from __future__ import annotations

import difflib
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.cli.output.printing import print_json

_INDENT = 22


def print_reference(
    what: str,
    name: str | None,
    docs: Mapping[str, str],
    page: Callable[[str], str],
    others: Mapping[str, str] = MappingProxyType({}),
    *,
    as_json: bool = False,
) -> int:
    """Print one's page, or without a name the list of them; the exit code, 2 for a name that there is not.

    docs: what each is, by name. others: further names, in lower case, and what they stand for.
    """
    if name is None and as_json:
        print_json([{"name": one, "about": _first_sentence(docs[one])} for one in sorted(docs, key=str.lower)])
        return 0
    if name is None:
        print("\n".join(_line(one, docs[one]) for one in sorted(docs, key=str.lower)))
        return 0
    by_lower = {**others, **{one.lower(): one for one in docs}}
    found = by_lower.get(name.lower().strip("|@.()"))
    if found is not None:
        text = page(found)
        if as_json:
            print_json({"name": found, "page": text})
        else:
            print(text, end="")
        return 0
    close = difflib.get_close_matches(name.lower(), by_lower, 1)
    hint = f" (did you mean {by_lower[close[0]]}?)" if close else f"; `tickbus {what}s` lists them"
    print(f"tickbus {what}s: there is no {what} {name}{hint}", file=sys.stderr)
    return 2


def _line(name: str, doc: str) -> str:
    sentence = _first_sentence(doc)
    width = max(shutil.get_terminal_size().columns, 60) - 1
    return textwrap.fill(sentence, width, initial_indent=name.ljust(_INDENT - 1) + " ", subsequent_indent=" " * _INDENT)


def _first_sentence(doc: str) -> str:
    first = " ".join(doc.strip().split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".:")
