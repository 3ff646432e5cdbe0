"""What tasks and templates there are, and how each task fares: a fold over `task`, `template` and `run`.

The shapes of the events are in schemas.events. The buckets of the state, besides those of templates
(services.store.projections.templates):

`tasks`, by id, records of plain data:
    id, type, script, dbrps [{"db", "rp"}], vars, template-id   what defines the task
    status                     enabled or disabled
    created, modified, last_enabled   ns since 1970, 0 for never
    sequence                   of the last event that changed the task
    run                        None unless enabled: the run that is meant to be, with
        enabled, began         sequence and time (ns) of the event that enabled it
        position               the write after which it begins
        definition             type, script, dbrps, vars as they were then: what runs, whatever is changed meanwhile
        state                  "starting", "started" or "failed", as the workers say
        worker, alerts         of the last `started`
        started, levels        of the first: its sequence (0: none yet), and how alert topics stood then
    error                      why it failed; it stays until the task is started again
`last`, by id: sequence of the last event under this id, of deleted tasks too; what a change must expect
`ended`, by id: a list of runs that were meant and are no more, each until a worker says that it has stopped
    sequence, position         of the event that ended it: it sees the writes up to there
    run                        as it was
`stopped`, by id: sequence of the event by which the last run under this id was stopped, once a worker says that it is
`void`, by sequence: events that were left aside because they did not fit the state any more

Events that do not fit are left aside by everybody alike: an update of a task that is not there, a rename whose task
was changed meanwhile, a task whose template was changed meanwhile, what a worker says of a run that is no longer meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from marshmallow import Schema, ValidationError

from schemas.events import run, task, template
from services.store.projection import State
from services.store.projections import templates
from services.store.projections.records import (
    ENDED,
    TASKS,
    Record,
    definition_of,
    end_run,
    executing,
    new_run,
    task_of,
)

__all__ = [
    "ENDED",
    "LAST",
    "STOPPED",
    "SUBJECTS",
    "TASKS",
    "VOID",
    "Fact",
    "Record",
    "definition_of",
    "executing",
    "fold",
    "task_of",
]

LAST, STOPPED, VOID = "last", "stopped", "void"
SUBJECTS = ("tickbus.event.task.>", "tickbus.event.template.>", "tickbus.event.run.>")

_SCHEMAS: dict[tuple[str, str], Schema] = {
    (kind, what): schema()
    for kind, schemas in (("task", task.SCHEMAS), ("template", template.SCHEMAS), ("run", run.SCHEMAS))
    for what, schema in schemas.items()
}
_LAST = {"task": LAST, "template": templates.LAST_TEMPLATE}


class Fact(Protocol):
    """An event, as far as folds go."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def seq(self) -> int: ...
    @property
    def time_ns(self) -> int: ...


def fold(state: State, fact: Fact) -> None:
    """Take one fact in. ValueError where it is no event of these kinds, and nothing is changed."""
    schema = _SCHEMAS.get((fact.kind, fact.what))
    if schema is None:
        raise ValueError(f"no such event: {fact.kind} {fact.what}")
    try:
        data = schema.load(fact.data)
    except ValidationError as error:
        raise ValueError(f"{fact.kind} {fact.what} #{fact.seq}: {error}") from error
    counted = _FOLDS[fact.kind, fact.what](state, fact, data)
    if fact.kind in _LAST:
        state.put(_LAST[fact.kind], fact.id, fact.seq)
        if not counted:
            state.put(VOID, str(fact.seq), True)


def _defined(state: State, fact: Fact, data: Record) -> bool:
    if task_of(state, fact.id) is not None or templates.stale(state, data):
        return False
    record = {
        "id": fact.id,
        **definition_of(data),
        "template-id": data["template_id"],
        "status": "disabled",
        "created": fact.time_ns,
        "modified": fact.time_ns,
        "last_enabled": 0,
        "sequence": fact.seq,
        "run": None,
        "error": "",
    }
    state.put(TASKS, fact.id, record | _status(fact, data, record))
    return True


def _updated(state: State, fact: Fact, data: Record) -> bool:
    was = data.get("was", fact.id)
    record = task_of(state, was)
    if record is None or templates.stale(state, data):
        return False
    if was != fact.id and (task_of(state, fact.id) is not None or record["sequence"] != data.get("was_sequence")):
        return False
    new = record | definition_of(data) | {"template-id": data["template_id"]}
    new |= {"id": fact.id, "modified": fact.time_ns, "sequence": fact.seq}
    new |= _status(fact, data, new)
    if was != fact.id:
        state.delete(TASKS, was)
    if (was != fact.id or data["restart"]) and new["run"] is not None and new["run"] is record["run"]:
        new["run"] = new_run(fact.seq, fact.time_ns, data.get("position", 0), new)
    if new["run"] is not record["run"]:
        end_run(state, was, fact.seq, data.get("position", 0), record)
    state.put(TASKS, fact.id, new)
    return True


def _status(fact: Fact, data: Record, record: Record) -> Record:
    """What becomes of a record's status and run by an event that may change them together with the definition."""
    if "position" not in data or data["status"] == record["status"]:
        return {}
    if data["status"] == "disabled":
        return {"status": "disabled", "run": None}
    run = new_run(fact.seq, fact.time_ns, data["position"], record)
    return {"status": "enabled", "last_enabled": fact.time_ns, "run": run}


def _enabled(state: State, fact: Fact, data: Record) -> bool:
    return _switched(state, fact, {"status": "enabled", **data})


def _disabled(state: State, fact: Fact, data: Record) -> bool:
    return _switched(state, fact, {"status": "disabled", **data})


def _switched(state: State, fact: Fact, data: Record) -> bool:
    record = task_of(state, fact.id)
    if record is None or record["status"] == data["status"]:
        return False
    end_run(state, fact.id, fact.seq, data["position"], record)
    changed = {"modified": fact.time_ns, "sequence": fact.seq, **_status(fact, data, record)}
    state.put(TASKS, fact.id, record | changed)
    return True


def _deleted(state: State, fact: Fact, data: Record) -> bool:
    record = task_of(state, fact.id)
    if record is None:
        return False
    end_run(state, fact.id, fact.seq, data["position"], record)
    state.delete(TASKS, fact.id)
    return True


def _started(state: State, fact: Fact, data: Record) -> bool:
    told = {"state": "started", "worker": data["worker"], "alerts": data["alerts"]}
    record = task_of(state, fact.id)
    if record is not None and record["run"] is not None and not record["run"]["started"]:
        told |= {"started": fact.seq, "levels": data["levels"]}
    return _told(state, fact, data["enabled"], told, "")


def _failed(state: State, fact: Fact, data: Record) -> bool:
    record = task_of(state, fact.id)
    run = record["run"] if record is not None else None
    never_began = run is not None and run["enabled"] == data["enabled"] and not run["started"]
    if record is not None and never_began and templates.undo(state, fact, record, data["error"]):
        return True
    return _told(state, fact, data["enabled"], {"state": "failed"}, data["error"])


def _stopped(state: State, fact: Fact, data: Record) -> bool:
    state.put(STOPPED, fact.id, data["disabled"])
    left = [ended for ended in state.get(ENDED, fact.id) or () if ended["sequence"] > data["disabled"]]
    if left:
        state.put(ENDED, fact.id, left)
    else:
        state.delete(ENDED, fact.id)
    return True


def _told(state: State, fact: Fact, enabled: int, told: Record, error: str) -> bool:
    """What a worker says of the run that `enabled` began."""
    record = task_of(state, fact.id)
    if record is None or record["run"] is None or record["run"]["enabled"] != enabled:
        return False
    state.put(TASKS, fact.id, record | {"run": record["run"] | told, "error": error})
    return True


_FOLDS: Mapping[tuple[str, str], Callable[[State, Fact, Record], bool]] = {
    ("task", "defined"): _defined,
    ("task", "updated"): _updated,
    ("task", "enabled"): _enabled,
    ("task", "disabled"): _disabled,
    ("task", "deleted"): _deleted,
    **{("template", what): fold for what, fold in templates.FOLDS.items()},
    ("run", "started"): _started,
    ("run", "failed"): _failed,
    ("run", "stopped"): _stopped,
}
