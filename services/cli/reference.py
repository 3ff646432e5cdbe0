"""``tickbus nodes`` and ``tickbus handlers``: what scripts may use, made from how it is declared."""

from __future__ import annotations

import difflib
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType

_INDENT = 22


def nodes(name: str | None) -> int:
    """Print a node's page, or without a name the list of them; the exit code, 2 for a name that there is not."""
    from services.alerting.handlers import specs
    from services.engine.nodes import registry
    from services.pipeline.docs import node_docs
    from services.pipeline.functions import UDF
    from services.pipeline.sources import SOURCES

    handlers = specs()
    known = {spec.name: spec for spec in SOURCES.values()} | dict(registry(handlers).nodes) | {UDF.name: UDF}
    shown = {name: spec for name, spec in known.items() if not spec.hidden or spec is UDF}
    docs = {name: spec.doc for name, spec in shown.items()}
    return _print("node", name, docs, lambda one: node_docs(shown[one], handlers.values()))


def handlers(name: str | None) -> int:
    """The same for alert handlers."""
    from services.alerting.handlers import kinds, options_of
    from services.pipeline.docs import handler_docs

    known = {handler.SPEC.name: handler.SPEC for handler in kinds().values()}
    docs = {one: spec.doc.removeprefix(f"{one}: ") for one, spec in known.items()}
    kinds_of = {spec.kind.lower(): one for one, spec in known.items()}
    return _print("handler", name, docs, lambda one: handler_docs(known[one], options_of(known[one].kind)), kinds_of)


def _print(
    what: str,
    name: str | None,
    docs: Mapping[str, str],
    page: Callable[[str], str],
    others: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """others: further names, in lower case, and what they stand for."""
    if name is None:
        print("\n".join(_line(one, docs[one]) for one in sorted(docs, key=str.lower)))
        return 0
    by_lower = {**others, **{one.lower(): one for one in docs}}
    found = by_lower.get(name.lower().strip("|@.()"))
    if found is not None:
        print(page(found), end="")
        return 0
    close = difflib.get_close_matches(name.lower(), by_lower, 1)
    hint = f" (did you mean {by_lower[close[0]]}?)" if close else f"; `tickbus {what}s` lists them"
    print(f"tickbus {what}s: there is no {what} {name}{hint}", file=sys.stderr)
    return 2


def _line(name: str, doc: str) -> str:
    """Name and first sentence."""
    first = " ".join(doc.strip().split("\n\n")[0].split())
    sentence = first.split(". ")[0].rstrip(".:")
    width = max(shutil.get_terminal_size().columns, 60) - 1
    return textwrap.fill(sentence, width, initial_indent=name.ljust(_INDENT - 1) + " ", subsequent_indent=" " * _INDENT)
