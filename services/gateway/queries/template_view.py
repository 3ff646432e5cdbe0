"""A template's record as the API shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from grammar.tickscript.ast import TickscriptError
from services.gateway.operations.paths import BASE
from services.gateway.queries.task_view import rfc3339
from services.gateway.readmodels.scripts.scripts import Scripts
from services.pipeline.compiler.compile import Compiled
from services.pipeline.compiler.vars import vars_json
from services.pipeline.dot import to_dot
from services.pipeline.outline import outline
from services.store.folds.templates import TemplateRecord

LIST_FIELDS = ("link", "id", "type", "script", "dot", "error", "created", "modified")
"""What a list shows unless it is told."""

FIELDS = (*LIST_FIELDS, "vars")


def show(record: TemplateRecord, scripts: Scripts, raw_script: bool, fields: Iterable[str] = FIELDS) -> dict[str, Any]:
    """The fields of a template. Raises KeyError for one that does not exist."""
    error = ""
    compiled: Compiled | None = None
    try:
        compiled = scripts.template(record.script)
    except TickscriptError as problem:
        error = str(problem)
    view: Mapping[str, Callable[[], Any]] = {
        "link": lambda: {"rel": "self", "href": f"{BASE}/templates/{record.id}"},
        "id": lambda: record.id,
        "type": lambda: record.type,
        "script": lambda: record.script if raw_script else scripts.formatted(record.script),
        "vars": lambda: vars_json(compiled.vars) if compiled else {},
        "dot": lambda: to_dot(record.id, outline(compiled.graph)) if compiled else "",
        "error": lambda: error,
        "created": lambda: rfc3339(record.created),
        "modified": lambda: rfc3339(record.modified),
    }
    return {field: view[field]() for field in dict.fromkeys(fields)}
