"""What tasks and templates there are, and how each task fares: a fold over `task`, `template` and `run`.

The shapes of the events are in schemas.events. The buckets of the state, besides those of templates
(services.store.folds.templates):

`tasks`, by id: a TaskRecord, with the run that is meant to be
`last`, by id: sequence of the last event under this id, of deleted tasks too; what a change must expect
`ended`, by id: EndedRuns, which were meant and are no more, each until a worker says that it has stopped
`stopped`, by id: sequence of the event by which the last run under this id was stopped, once a worker says that it is
`void`, by sequence: events that were left aside because they did not fit the state any more

Events that do not fit are left aside by everybody alike: an update of a task that is not there, a rename whose task
was changed meanwhile, a task whose template was changed meanwhile, what a worker says of a run that is no longer meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from schemas.events import run, task, template
from services.bus.events import Event
from services.bus.positions import WritesSeq
from services.store.compaction import Gone
from services.store.folds import templates
from services.store.folds.definition import TaskDefinition
from services.store.folds.event_data import Plain, data_of, schemas_of
from services.store.folds.layouts import Layout
from services.store.folds.state import State, Stored
from services.store.folds.task_records import (
    ENDED,
    TASKS,
    EndedRun,
    RunRecord,
    TaskRecord,
    end_run,
    ended_of,
    has_unit,
    run_of,
    task_of,
)

__all__ = [
    "ENDED",
    "LAST",
    "RECORDS",
    "STOPPED",
    "SUBJECTS",
    "TASKS",
    "VOID",
    "EndedRun",
    "RunRecord",
    "TaskRecord",
    "ended_of",
    "fold",
    "forget",
    "has_unit",
    "run_of",
    "task_of",
]

LAST, STOPPED, VOID = "last", "stopped", "void"
SUBJECTS = ("tickbus.event.task.>", "tickbus.event.template.>", "tickbus.event.run.>")

RECORDS = {
    TASKS: Stored(TaskRecord.to_plain, TaskRecord.from_plain),
    ENDED: Stored(
        lambda runs: [run.to_plain() for run in runs], lambda plain: tuple(EndedRun.from_plain(one) for one in plain)
    ),
    **templates.RECORDS,
}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = {
    "task": schemas_of(task.SCHEMAS),
    "template": schemas_of(template.SCHEMAS),
    "run": schemas_of(run.SCHEMAS),
}
_LAST = {"task": LAST, "template": templates.LAST_TEMPLATE}


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of these kinds, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.kind, {}).get(event.what))
    counted = _FOLDS[event.kind, event.what](state, event, data)
    if event.kind in _LAST:
        state.put(_LAST[event.kind], event.id, event.seq)
        if not counted:
            state.put(VOID, str(event.seq), True)


def forget(state: State, gone: Gone) -> None:
    """Let go of what is kept of a task or a template that is no more, once nothing of it stands in the log."""
    last = _LAST.get(gone.kind)
    if last is None or (state.get(last, gone.id) or 0) > gone.last:
        return
    state.delete(last, gone.id)
    if gone.kind == "task" and (state.get(STOPPED, gone.id) or 0) <= gone.last:
        state.delete(STOPPED, gone.id)
    for bucket in (VOID, templates.UNDONE):
        for seq in [seq for seq in state.bucket(bucket) if int(seq) <= gone.last]:
            state.delete(bucket, seq)


def _defined(state: State, event: Event, data: Plain) -> bool:
    if task_of(state, event.id) is not None or templates.stale(state, data):
        return False
    record = TaskRecord(
        id=event.id,
        definition=TaskDefinition.from_plain(data),
        template_id=data["template_id"],
        status="disabled",
        created=event.time_ns,
        modified=event.time_ns,
        last_enabled=0,
        sequence=event.seq,
        run=None,
        error="",
    )
    state.put(TASKS, event.id, _switched(event, data, record))
    return True


def _updated(state: State, event: Event, data: Plain) -> bool:
    was = data.get("was", event.id)
    record = task_of(state, was)
    if record is None or templates.stale(state, data):
        return False
    if was != event.id and (task_of(state, event.id) is not None or record.sequence != data.get("was_sequence")):
        return False
    new = replace(
        record,
        id=event.id,
        definition=TaskDefinition.from_plain(data),
        template_id=data["template_id"],
        modified=event.time_ns,
        sequence=event.seq,
    )
    new = _switched(event, data, new)
    if was != event.id:
        state.delete(TASKS, was)
    position: WritesSeq = data.get("position", 0)
    if (was != event.id or data["restart"]) and new.run is not None and new.run is record.run:
        new = replace(new, run=RunRecord(event.seq, event.time_ns, position, new.definition))
    if new.run is not record.run:
        end_run(state, event.seq, event.time_ns, position, record)
    state.put(TASKS, event.id, new)
    return True


def _switched(event: Event, data: Plain, record: TaskRecord) -> TaskRecord:
    """The record with its status and run after an event that may change them together with the definition."""
    if "position" not in data or data["status"] == record.status:
        return record
    if data["status"] == "disabled":
        return replace(record, status="disabled", run=None)
    run = RunRecord(event.seq, event.time_ns, data["position"], record.definition)
    return replace(record, status="enabled", last_enabled=event.time_ns, run=run)


def _enabled(state: State, event: Event, data: Plain) -> bool:
    return _switch(state, event, {"status": "enabled", **data})


def _disabled(state: State, event: Event, data: Plain) -> bool:
    return _switch(state, event, {"status": "disabled", **data})


def _switch(state: State, event: Event, data: Plain) -> bool:
    record = task_of(state, event.id)
    if record is None or record.status == data["status"]:
        return False
    end_run(state, event.seq, event.time_ns, data["position"], record)
    changed = replace(record, modified=event.time_ns, sequence=event.seq)
    state.put(TASKS, event.id, _switched(event, data, changed))
    return True


def _deleted(state: State, event: Event, data: Plain) -> bool:
    record = task_of(state, event.id)
    if record is None:
        return False
    end_run(state, event.seq, event.time_ns, data["position"], record, deleted=True)
    state.delete(TASKS, event.id)
    return True


def _started(state: State, event: Event, data: Plain) -> bool:
    record = _meant(state, event, data)
    if record is None or record.run is None:
        return False
    run = replace(record.run, state="started", worker=data["worker"], alerts=data["alerts"])
    if not run.started:
        run = replace(run, started=event.seq, remembered=data["remembered"], levels=data["levels"])
    state.put(TASKS, event.id, replace(record, run=run, error=""))
    return True


def _failed(state: State, event: Event, data: Plain) -> bool:
    record = _meant(state, event, data)
    if record is None or record.run is None:
        return False
    if record.run.started or not templates.undo(state, event, record, data["error"]):
        state.put(TASKS, event.id, replace(record, run=replace(record.run, state="failed"), error=data["error"]))
    return True


def _stopped(state: State, event: Event, data: Plain) -> bool:
    state.put(STOPPED, event.id, data["disabled"])
    left = tuple(ended for ended in ended_of(state, event.id) if ended.sequence > data["disabled"])
    if left:
        state.put(ENDED, event.id, left)
    else:
        state.delete(ENDED, event.id)
    return True


def _split(state: State, event: Event, data: Plain) -> bool:
    """A run goes on in other parts. One that does not run yet, or that another change is under way of, does not."""
    record = task_of(state, event.id)
    run = None if record is None else record.run
    if record is None or run is None or run.enabled != data["enabled"] or run.state != "started" or not data["shards"]:
        return False
    if run.layout is not None and not run.layout.settled:
        return False
    before = None if run.layout is None else replace(run.layout, before=None)
    layout = Layout(event.seq, event.time_ns, tuple(data["shards"]), tuple(data["tags"]), data["star"], before)
    state.put(TASKS, event.id, replace(record, run=replace(run, layout=layout)))
    return True


def _paused(state: State, event: Event, data: Plain) -> bool:
    """A unit of the layout before sees nothing more until all of them are as far."""
    part, position = data["part"], data["position"]
    return _change_layout(state, event, data, lambda layout: replace(layout, paused={part: position, **layout.paused}))


def _handed(state: State, event: Event, data: Plain) -> bool:
    """A unit of the layout before has stopped, and its state lies ready."""
    return _change_layout(state, event, data, lambda layout: replace(layout, handed=layout.handed | {data["part"]}))


def _part_started(state: State, event: Event, data: Plain) -> bool:
    """A part runs, perhaps on another worker than before."""
    return _change_layout(
        state, event, data, lambda layout: replace(layout, workers={**layout.workers, data["part"]: data["worker"]})
    )


def _part_stopped(state: State, event: Event, data: Plain) -> bool:
    """A part of a run that was ended is gone. Once all are, a worker says that the run has stopped."""
    ended = ended_of(state, event.id)
    changed = tuple(
        replace(one, stopped=one.stopped | {data["part"]}) if one.sequence == data["disabled"] else one for one in ended
    )
    if changed == tuple(ended):
        return False
    state.put(ENDED, event.id, changed)
    return True


def _change_layout(state: State, event: Event, data: Plain, change: Callable[[Layout], Layout]) -> bool:
    """Change the layout of the run that an event is of, be it meant or ended."""

    def changed(run: RunRecord) -> RunRecord:
        layout = run.layout
        if run.enabled != data["enabled"] or layout is None or layout.sequence != data["layout"]:
            return run
        return replace(run, layout=change(layout))

    record = task_of(state, event.id)
    if record is not None and record.run is not None and (run := changed(record.run)) is not record.run:
        state.put(TASKS, event.id, replace(record, run=run))
        return True
    ended = ended_of(state, event.id)
    runs = [changed(one.run) for one in ended]
    if all(run is one.run for run, one in zip(runs, ended, strict=True)):
        return False
    state.put(ENDED, event.id, tuple(replace(one, run=run) for run, one in zip(runs, ended, strict=True)))
    return True


def _meant(state: State, event: Event, data: Plain) -> TaskRecord | None:
    """The task, where the run that a worker speaks of is the one that is meant."""
    record = task_of(state, event.id)
    return record if record is not None and record.run is not None and record.run.enabled == data["enabled"] else None


_FOLDS: Mapping[tuple[str, str], Callable[[State, Event, Plain], bool]] = {
    ("task", "defined"): _defined,
    ("task", "updated"): _updated,
    ("task", "enabled"): _enabled,
    ("task", "disabled"): _disabled,
    ("task", "deleted"): _deleted,
    **{("template", what): fold for what, fold in templates.FOLDS.items()},
    ("run", "started"): _started,
    ("run", "failed"): _failed,
    ("run", "stopped"): _stopped,
    ("run", "split"): _split,
    ("run", "paused"): _paused,
    ("run", "handed"): _handed,
    ("run", "part-started"): _part_started,
    ("run", "part-stopped"): _part_stopped,
}
