"""A task's record as the API shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grammar.golang.times import ZERO_TIME, format_rfc3339
from services.gateway.clients.node_stats import Stats
from services.gateway.clients.parts import running_units
from services.gateway.operations.paths import BASE
from services.gateway.readmodels.scripts.scripts import Scripts
from services.pipeline.tag_set import TagSet
from services.store.folds.definition import plain_dbrps
from services.store.folds.tasks import TaskRecord


@dataclass(frozen=True, slots=True)
class Layout:
    """How scripts and graphs are shown."""

    raw_script: bool = False
    dot_view: str = "attributes"


@dataclass(frozen=True, slots=True)
class _Source:
    record: TaskRecord
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

ASKED_FIELDS = (*LIST_FIELDS, "made-from", "worker", "split")
"""What a list shows where it is asked for by name.

made-from: the id of its template, "" where there is none; Kapacitor refuses it in lists by the name that it has in a
single task. worker: who runs the task, of one in parts all of them, "" where nobody does. split: in which parts it
runs, and by what it could be split.
"""

NEED_STATS = frozenset({"dot", "stats"})
"""The fields for which the workers must be asked."""

NEED_SCRIPTS = frozenset({"script", "dot", "error", "split"})
"""The fields for which scripts must be ready."""


def show(
    record: TaskRecord,
    stats: Stats | None,
    scripts: Scripts,
    layout: Layout,
    fields: Iterable[str] = ("template-id", *LIST_FIELDS),
) -> dict[str, Any]:
    """The fields of a task; stats: what its worker says, None for a task that does not run.

    Raises KeyError for a field that does not exist.
    """
    source = _Source(record, stats, scripts, layout)
    return {field: _FIELDS[field](source) for field in dict.fromkeys(fields)}


def link(id: str) -> dict[str, str]:
    """Where a task is found."""
    return {"rel": "self", "href": f"{BASE}/tasks/{id}"}


def rfc3339(ns: int) -> str:
    """A time as the API shows it; 0 is never."""
    return format_rfc3339(ns) if ns else ZERO_TIME


def _script(source: _Source) -> str:
    text: str = source.record.definition.script
    return text if source.layout.raw_script else source.scripts.formatted(text)


def _dot(source: _Source) -> str:
    record = source.record
    if record.run is not None and record.executing and source.stats:
        return source.scripts.dot(record.id, record.run.definition, source.stats, source.layout.dot_view)
    return source.scripts.dot(record.id, record.definition)


def workers_of(record: TaskRecord) -> str:
    """Who runs a task, by name; "" where nobody does."""
    if record.run is None or not record.executing:
        return ""
    return ", ".join(sorted({worker for worker in running_units(record.id, record.run).values() if worker}))


def split_view(record: TaskRecord) -> dict[str, Any] | None:
    """By what a task is split and over whom; None where it runs whole, or not at all."""
    layout = record.run.layout if record.run is not None and record.executing else None
    if layout is None or len(layout.shards) < 2:
        return None
    workers = [layout.workers.get(number, "") for number in range(len(layout.shards))]
    return {"by": str(TagSet(frozenset(layout.tags), layout.star)), "workers": workers, "settled": layout.settled}


def _split(source: _Source) -> dict[str, Any]:
    could = source.scripts.splitting(source.record.definition)
    return {
        "now": split_view(source.record),
        "could": str(could.by) if could.by else "",
        "node": could.node,
        "reason": could.reason,
    }


_FIELDS: Mapping[str, Callable[[_Source], Any]] = {
    "link": lambda s: link(s.record.id),
    "id": lambda s: s.record.id,
    "template-id": lambda s: s.record.template_id,
    "made-from": lambda s: s.record.template_id,
    "type": lambda s: s.record.definition.type,
    "dbrps": lambda s: plain_dbrps(s.record.definition.dbrps),
    "script": _script,
    "vars": lambda s: s.record.definition.vars,
    "dot": _dot,
    "status": lambda s: s.record.status,
    "executing": lambda s: s.record.executing,
    "error": lambda s: s.record.error or (s.stats or {}).get("error", "") or s.scripts.problem(s.record.definition),
    "stats": lambda s: s.stats,
    "worker": lambda s: workers_of(s.record),
    "split": _split,
    "created": lambda s: rfc3339(s.record.created),
    "modified": lambda s: rfc3339(s.record.modified),
    "last-enabled": lambda s: rfc3339(s.record.last_enabled),
}
