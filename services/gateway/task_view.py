"""A task's record as the API shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grammar.tickscript.ast import TickscriptError
from services.gateway.answers import BASE
from services.gateway.node_stats import Stats
from services.gateway.scripts import Scripts
from services.store.projections.tasks import Record, executing

NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Layout:
    """How scripts and graphs are shown."""

    raw_script: bool = False
    dot_view: str = "attributes"


@dataclass(frozen=True, slots=True)
class _Shown:
    record: Record
    stats: Stats | None
    scripts: Scripts
    layout: Layout


LIST_FIELDS = (
    "link",
    "id",
    "type",
    "dbrps",
    "script",
    "dot",
    "status",
    "executing",
    "error",
    "stats",
    "created",
    "modified",
    "last-enabled",
    "vars",
)
"""What a list may show; a single task has its template-id, too."""

NEED_STATS = frozenset({"dot", "stats"})
"""The fields for which the workers must be asked."""


def show(
    record: Record,
    stats: Stats | None,
    scripts: Scripts,
    layout: Layout,
    fields: Iterable[str] = ("template-id", *LIST_FIELDS),
) -> dict[str, Any]:
    """The fields of a task; stats: what its worker says, None for a task that does not run.

    Raises KeyError for a field that does not exist.
    """
    shown = _Shown(record, stats, scripts, layout)
    return {field: _FIELDS[field](shown) for field in fields}


def link(id: str) -> dict[str, str]:
    """Where a task is found."""
    return {"rel": "self", "href": f"{BASE}/tasks/{id}"}


def rfc3339(ns: int) -> str:
    """A time as Go writes it: UTC, the fraction without trailing zeros. 0 is never."""
    if not ns:
        return NEVER
    seconds, rest = divmod(ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}{fraction}Z"


def _script(shown: _Shown) -> str:
    text: str = shown.record["script"]
    return text if shown.layout.raw_script else shown.scripts.formatted(text)


def _dot(shown: _Shown) -> str:
    record = shown.record
    try:
        if executing(record) and shown.stats:
            return shown.scripts.dot(record["id"], record["run"]["definition"], shown.stats, shown.layout.dot_view)
        return shown.scripts.dot(record["id"], record)
    except TickscriptError:
        return ""


_FIELDS: Mapping[str, Callable[[_Shown], Any]] = {
    "link": lambda s: link(s.record["id"]),
    "id": lambda s: s.record["id"],
    "template-id": lambda s: s.record["template-id"],
    "type": lambda s: s.record["type"],
    "dbrps": lambda s: s.record["dbrps"],
    "script": _script,
    "vars": lambda s: s.record["vars"],
    "dot": _dot,
    "status": lambda s: s.record["status"],
    "executing": lambda s: executing(s.record),
    "error": lambda s: s.record["error"] or (s.stats or {}).get("error", "") or s.scripts.problem(s.record),
    "stats": lambda s: s.stats,
    "created": lambda s: rfc3339(s.record["created"]),
    "modified": lambda s: rfc3339(s.record["modified"]),
    "last-enabled": lambda s: rfc3339(s.record["last_enabled"]),
}
