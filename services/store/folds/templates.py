"""What templates there are, and what becomes of their tasks: the part of the fold of tasks that folds `template`.

The buckets of the state:

`templates`, by id: a TemplateRecord
`last_template`, by id: sequence of the last event under this id, of deleted templates too
`undone`, by sequence of a change that was taken back: an Undone
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.bus.events import Event
from services.bus.positions import EventsSeq, WritesSeq
from services.store.folds.definition import pairs_of, plain_dbrps
from services.store.folds.event_data import Plain
from services.store.folds.state import State, Stored, flat
from services.store.folds.task_records import TASKS, RunRecord, TaskRecord, end_run

TEMPLATES, LAST_TEMPLATE, UNDONE = "templates", "last_template", "undone"


Dbrps = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TemplateBefore:
    """What the last change of a template has to fall back on when a task cannot start after it."""

    id: str
    type: str
    script: str
    dbrps: Dbrps
    modified: int
    sequence: EventsSeq
    """Of that change."""
    position: WritesSeq
    """Of that change."""
    tasks: Mapping[str, Dbrps]
    """By id, the dbrps of tasks to which the change gave others."""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TemplateBefore:
        """Of what a store holds."""
        tasks = {id: pairs_of(dbrps) for id, dbrps in plain["tasks"].items()}
        return cls(**{**plain, "dbrps": pairs_of(plain["dbrps"]), "tasks": tasks})

    def to_plain(self) -> Plain:
        """For a store to hold."""
        return {
            "id": self.id,
            "type": self.type,
            "script": self.script,
            "dbrps": plain_dbrps(self.dbrps),
            "modified": self.modified,
            "sequence": self.sequence,
            "position": self.position,
            "tasks": {id: plain_dbrps(dbrps) for id, dbrps in self.tasks.items()},
        }


@dataclass(frozen=True, slots=True)
class TemplateRecord:
    """A template."""

    type: str
    script: str
    dbrps: Dbrps
    """Those that the script itself has."""
    id: str
    created: int
    """ns since 1970, as the other."""
    modified: int
    sequence: EventsSeq
    """Of the last event that changed the template."""
    before: TemplateBefore | None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TemplateRecord:
        """Of what a store holds."""
        before = None if plain["before"] is None else TemplateBefore.from_plain(plain["before"])
        return cls(**{**plain, "dbrps": pairs_of(plain["dbrps"]), "before": before})

    def to_plain(self) -> Plain:
        """For a store to hold."""
        return {
            "type": self.type,
            "script": self.script,
            "dbrps": plain_dbrps(self.dbrps),
            "id": self.id,
            "created": self.created,
            "modified": self.modified,
            "sequence": self.sequence,
            "before": None if self.before is None else self.before.to_plain(),
        }


@dataclass(frozen=True, slots=True)
class Undone:
    """What has taken back the change of a template."""

    sequence: EventsSeq
    task: str
    """The one that could not start."""
    error: str


RECORDS = {
    TEMPLATES: Stored(TemplateRecord.to_plain, TemplateRecord.from_plain),
    UNDONE: flat(Undone),
}
"""How what is no plain data is stored, by bucket."""


def template_of(state: State, id: str) -> TemplateRecord | None:
    """The record of a template, None where there is none."""
    record: TemplateRecord | None = state.get(TEMPLATES, id)
    return record


def tasks_of(state: State, id: str) -> dict[str, TaskRecord]:
    """The records of the tasks that were made from a template, by id, in the order of the ids' bytes."""
    tasks: Mapping[str, TaskRecord] = state.bucket(TASKS)
    ids = sorted((task for task, record in tasks.items() if record.template_id == id), key=str.encode)
    return {task: tasks[task] for task in ids}


def stale(state: State, data: Plain) -> bool:
    """Whether a task's definition rests on a template that is no longer as it was, or no longer there."""
    if not data["template_id"] or "template_sequence" not in data:
        return False
    template = template_of(state, data["template_id"])
    return template is None or bool(template.sequence != data["template_sequence"])


def undo(state: State, event: Event, record: TaskRecord, error: str) -> bool:
    """Take back the change of a template by which this task's run was to begin; says whether there was one.

    record: the task, with the run that could not start. The tasks start again after the last write that they saw
    before the change, and what has become of them meanwhile (vars, disabled, new ones) stays.
    """
    assert record.run is not None
    enabled = record.run.enabled
    template = template_of(state, record.template_id)
    before = template.before if template else None
    if template is None or before is None or before.sequence != enabled or template.sequence != enabled:
        return False
    id = template.id if template_of(state, before.id) else before.id
    state.delete(TEMPLATES, template.id)
    shape: dict[str, Any] = {"type": before.type, "script": before.script}
    of_template = shape | {"dbrps": before.dbrps, "modified": before.modified, "sequence": event.seq, "before": None}
    state.put(TEMPLATES, id, replace(template, id=id, **of_template))
    for task, old in tasks_of(state, template.id).items():
        dbrps = before.tasks.get(task, old.definition.dbrps)
        definition = replace(old.definition, **shape, dbrps=dbrps)
        new = replace(old, definition=definition, template_id=id, modified=before.modified)
        _put(state, event, new, old, before.position, True)
    state.put(UNDONE, str(enabled), Undone(event.seq, record.id, error))
    return True


def _defined(state: State, event: Event, data: Plain) -> bool:
    if template_of(state, event.id) is not None:
        return False
    record = TemplateRecord(
        **_shape(data), id=event.id, created=event.time_ns, modified=event.time_ns, sequence=event.seq, before=None
    )
    state.put(TEMPLATES, event.id, record)
    return True


def _updated(state: State, event: Event, data: Plain) -> bool:
    was = data["was"]
    old = template_of(state, was)
    if old is None or old.sequence != data["was_sequence"]:
        return False
    if was != event.id and template_of(state, event.id) is not None:
        return False
    tasks = tasks_of(state, was)
    if {id: task.sequence for id, task in tasks.items()} != data["tasks"]:
        return False
    shape = _shape(data)
    changed = data["script"] != old.script
    others = {id: task.definition.dbrps for id, task in tasks.items() if changed and (old.dbrps or shape["dbrps"])}
    before = TemplateBefore(old.id, old.type, old.script, old.dbrps, old.modified, event.seq, data["position"], others)
    if was != event.id:
        state.delete(TEMPLATES, was)
    new = replace(
        old, **shape, id=event.id, modified=event.time_ns, sequence=event.seq, before=before if changed else None
    )
    state.put(TEMPLATES, event.id, new)
    if not shape["dbrps"]:
        del shape["dbrps"]
    for task in tasks.values():
        definition = replace(task.definition, **shape)
        moved = replace(task, definition=definition, template_id=event.id, modified=event.time_ns)
        _put(state, event, moved, task, data["position"], changed)
    return True


def _deleted(state: State, event: Event, data: Plain) -> bool:
    if template_of(state, event.id) is None:
        return False
    state.delete(TEMPLATES, event.id)
    return True


def _put(state: State, event: Event, new: TaskRecord, old: TaskRecord, position: WritesSeq, restart: bool) -> None:
    """Store a task that follows its template, with a new run where it is to start anew."""
    new = replace(new, sequence=event.seq)
    if restart and old.run is not None:
        end_run(state, event.seq, event.time_ns, position, old)
        new = replace(new, run=RunRecord(event.seq, event.time_ns, position, new.definition), error="")
    state.put(TASKS, old.id, new)


def _shape(data: Plain) -> dict[str, Any]:
    return {"type": data["type"], "script": data["script"], "dbrps": pairs_of(data["dbrps"])}


FOLDS: Mapping[str, Callable[[State, Any, Plain], bool]] = {
    "defined": _defined,
    "updated": _updated,
    "deleted": _deleted,
}
"""By the event's `what`: take an event in; false where it was left aside because it does not fit the state."""
