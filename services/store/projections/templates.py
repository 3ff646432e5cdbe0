"""What templates there are, and what becomes of their tasks: the part of the fold of tasks that folds `template`.

The buckets of the state:

`templates`, by id, records of plain data:
    id, type, script           as defined
    dbrps                      [{"db", "rp"}] that the script itself has
    created, modified          ns since 1970
    sequence                   of the last event that changed the template
    before                     None, or what the last change has to fall back on when a task cannot start after it:
        sequence, position     of that change
        id, type, script, dbrps, modified   of the template
        tasks                  by id, the dbrps of tasks to which the change gave others
`last_template`, by id: sequence of the last event under this id, of deleted templates too
`undone`, by sequence of a change that was taken back: {"sequence" of what took it back, "task", "error"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from services.store.projection import State
from services.store.projections.records import TASKS, Record, end_run, new_run

TEMPLATES, LAST_TEMPLATE, UNDONE = "templates", "last_template", "undone"


class Fact(Protocol):
    """An event, as far as this fold goes."""

    @property
    def id(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def time_ns(self) -> int: ...


def template_of(state: State, id: str) -> Record | None:
    """The record of a template, None where there is none."""
    record: Record | None = state.get(TEMPLATES, id)
    return record


def tasks_of(state: State, id: str) -> dict[str, Record]:
    """The records of the tasks that were made from a template, by id, in the order of the ids' bytes."""
    tasks = state.bucket(TASKS)
    ids = sorted((task for task, record in tasks.items() if record["template-id"] == id), key=str.encode)
    return {task: tasks[task] for task in ids}


def stale(state: State, data: Record) -> bool:
    """Whether a task's definition rests on a template that is no longer as it was, or no longer there."""
    if not data["template_id"] or "template_sequence" not in data:
        return False
    template = template_of(state, data["template_id"])
    return template is None or bool(template["sequence"] != data["template_sequence"])


def undo(state: State, fact: Fact, record: Record, error: str) -> bool:
    """Take back the change of a template by which this task's run was to begin; says whether there was one.

    record: the task, with the run that could not start. The tasks start again after the last write that they saw
    before the change, and what has become of them meanwhile (vars, disabled, new ones) stays.
    """
    enabled = record["run"]["enabled"]
    template = template_of(state, record["template-id"])
    before = template["before"] if template else None
    if template is None or before is None or before["sequence"] != enabled or template["sequence"] != enabled:
        return False
    id = template["id"] if template_of(state, before["id"]) else before["id"]
    state.delete(TEMPLATES, template["id"])
    shape = {key: before[key] for key in ("type", "script", "dbrps", "modified")}
    state.put(TEMPLATES, id, template | shape | {"id": id, "sequence": fact.seq, "before": None})
    for task, old in tasks_of(state, template["id"]).items():
        new = old | {"template-id": id, "type": before["type"], "script": before["script"]}
        new["dbrps"] = before["tasks"].get(task, old["dbrps"])
        _put(state, fact, new | {"modified": before["modified"]}, old, before["position"], True)
    state.put(UNDONE, str(enabled), {"sequence": fact.seq, "task": record["id"], "error": error})
    return True


def _defined(state: State, fact: Fact, data: Record) -> bool:
    if template_of(state, fact.id) is not None:
        return False
    record = _shape(data) | {"id": fact.id, "created": fact.time_ns, "modified": fact.time_ns}
    state.put(TEMPLATES, fact.id, record | {"sequence": fact.seq, "before": None})
    return True


def _updated(state: State, fact: Fact, data: Record) -> bool:
    was = data["was"]
    old = template_of(state, was)
    if old is None or old["sequence"] != data["was_sequence"]:
        return False
    if was != fact.id and template_of(state, fact.id) is not None:
        return False
    tasks = tasks_of(state, was)
    if {id: task["sequence"] for id, task in tasks.items()} != data["tasks"]:
        return False
    changed = data["script"] != old["script"]
    other_dbrps = {id: task["dbrps"] for id, task in tasks.items() if changed and (old["dbrps"] or data["dbrps"])}
    kept = {key: old[key] for key in ("id", "type", "script", "dbrps", "modified")}
    before = kept | {"sequence": fact.seq, "position": data["position"], "tasks": other_dbrps}
    if was != fact.id:
        state.delete(TEMPLATES, was)
    new = old | _shape(data) | {"id": fact.id, "modified": fact.time_ns, "sequence": fact.seq}
    state.put(TEMPLATES, fact.id, new | {"before": before if changed else None})
    for task in tasks.values():
        shape = {"template-id": fact.id, "type": data["type"], "script": data["script"]}
        if data["dbrps"]:
            shape["dbrps"] = data["dbrps"]
        _put(state, fact, task | shape | {"modified": fact.time_ns}, task, data["position"], changed)
    return True


def _deleted(state: State, fact: Fact, data: Record) -> bool:
    if template_of(state, fact.id) is None:
        return False
    state.delete(TEMPLATES, fact.id)
    return True


def _put(state: State, fact: Fact, new: Record, old: Record, position: int, restart: bool) -> None:
    """Store a task that follows its template, with a new run where it is to start anew."""
    new["sequence"] = fact.seq
    if restart and old["run"] is not None:
        end_run(state, old["id"], fact.seq, position, old)
        new |= {"run": new_run(fact.seq, fact.time_ns, position, new), "error": ""}
    state.put(TASKS, old["id"], new)


def _shape(data: Record) -> Record:
    return {key: data[key] for key in ("type", "script", "dbrps")}


FOLDS: Mapping[str, Callable[[State, Any, Record], bool]] = {
    "defined": _defined,
    "updated": _updated,
    "deleted": _deleted,
}
"""By the event's `what`: take an event in; false where it was left aside because it does not fit the state."""
