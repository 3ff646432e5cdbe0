"""The records of tasks and of their runs, and how runs begin and end. tasks.py beside this folds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.bus.positions import EventsSeq, WritesSeq
from services.store.folds.definition import TaskDefinition
from services.store.folds.event_data import Plain
from services.store.folds.layouts import Layout, Unit, units_of
from services.store.folds.state import State

_NOT_YET = EventsSeq(0)

TASKS, ENDED = "tasks", "ended"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run of a task that is meant to be, and what workers have said of it."""

    enabled: EventsSeq
    """Sequence of the event that enabled it."""
    began: int
    """Time of that event, ns since 1970."""
    position: WritesSeq
    """The write after which it begins."""
    definition: TaskDefinition
    """What runs, whatever is changed meanwhile."""
    state: str = "starting"
    """starting, started or failed."""
    worker: str = ""
    """Of the last `started`."""
    alerts: Sequence[Mapping[str, Any]] = ()
    """Of the last `started`."""
    started: EventsSeq = _NOT_YET
    """Sequence of the first `started`, 0: none yet."""
    remembered: str = ""
    """Of the first `started`: the object that says how alert topics stood then."""
    levels: Mapping[str, Any] = field(default_factory=dict)
    """The same, where the event itself says so."""
    layout: Layout | None = None
    """In which parts it runs, or is about to; None: it never was in any."""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> RunRecord:
        """Of what a store holds."""
        definition, layout = TaskDefinition.from_plain(plain["definition"]), plain.get("layout")
        layout = None if layout is None else Layout.from_plain(layout)
        return cls(**{"remembered": "", **plain, "definition": definition, "layout": layout})

    def to_plain(self) -> Plain:
        """For a store to hold."""
        layout = {} if self.layout is None else {"layout": self.layout.to_plain()}
        return {
            **layout,
            "enabled": self.enabled,
            "began": self.began,
            "position": self.position,
            "definition": self.definition.to_plain(),
            "state": self.state,
            "worker": self.worker,
            "alerts": list(self.alerts),
            "started": self.started,
            "remembered": self.remembered,
            "levels": self.levels,
        }


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task."""

    id: str
    definition: TaskDefinition
    template_id: str
    status: str
    """enabled or disabled."""
    created: int
    """ns since 1970, as the two others."""
    modified: int
    last_enabled: int
    """0 for never."""
    sequence: EventsSeq
    """Of the last event that changed the task."""
    run: RunRecord | None
    """None unless enabled: the run that is meant to be."""
    error: str
    """Why it failed; it stays until the task is started again."""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TaskRecord:
        """Of what a store holds."""
        return cls(
            plain["id"],
            TaskDefinition.from_plain(plain),
            plain["template-id"],
            plain["status"],
            plain["created"],
            plain["modified"],
            plain["last_enabled"],
            plain["sequence"],
            None if plain["run"] is None else RunRecord.from_plain(plain["run"]),
            plain["error"],
        )

    def to_plain(self) -> Plain:
        """For a store to hold."""
        return {
            "id": self.id,
            **self.definition.to_plain(),
            "template-id": self.template_id,
            "status": self.status,
            "created": self.created,
            "modified": self.modified,
            "last_enabled": self.last_enabled,
            "sequence": self.sequence,
            "run": None if self.run is None else self.run.to_plain(),
            "error": self.error,
        }

    @property
    def executing(self) -> bool:
        """Whether a worker runs it."""
        return self.run is not None and self.run.state == "started"


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that was meant and is no more, until a worker says that it has stopped."""

    sequence: EventsSeq
    """Of the event that ended it."""
    time: int | None
    """Of that event, ns since 1970; None where an older version has kept the run."""
    position: WritesSeq
    """The run sees the writes up to there."""
    run: RunRecord
    deleted: bool = False
    """Whether the task was deleted with it: nobody waits for what it would still give."""
    stopped: frozenset[int] = frozenset()
    """The parts of it that have."""

    @property
    def all_stopped(self) -> bool:
        """Whether all of its parts have."""
        return self.run.layout is not None and len(self.stopped) >= len(self.run.layout.shards)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> EndedRun:
        """Of what a store holds."""
        stopped = frozenset(plain.get("stopped", ()))
        return cls(**{"time": None, **plain, "run": RunRecord.from_plain(plain["run"]), "stopped": stopped})

    def to_plain(self) -> Plain:
        """For a store to hold."""
        time = {} if self.time is None else {"time": self.time}
        plain = {"sequence": self.sequence, **time, "position": self.position, "run": self.run.to_plain()}
        plain |= {"stopped": sorted(self.stopped)} if self.stopped else {}
        return plain | {"deleted": True} if self.deleted else plain


def task_of(state: State, id: str) -> TaskRecord | None:
    """The record of a task, None where there is none."""
    record: TaskRecord | None = state.get(TASKS, id)
    return record


def ended_of(state: State, id: str) -> Sequence[EndedRun]:
    """The runs under this id that no worker has stopped yet, oldest first."""
    found: Sequence[EndedRun] = state.get(ENDED, id) or ()
    return found


def run_of(state: State, id: str, enabled: EventsSeq) -> RunRecord | None:
    """The run that an event has begun, None where it is over."""
    record = task_of(state, id)
    runs = [ended.run for ended in ended_of(state, id)]
    if record is not None and record.run is not None:
        runs.append(record.run)
    return next((run for run in runs if run.enabled == enabled), None)


def has_unit(state: State, id: str) -> bool:
    """Whether there is a task of this id, enabled or not, that runs whole, or has until now; of the id of a part,
    whether its run is in that part, or has been until now (services.store.folds.layouts)."""
    unit = Unit.of_id(id)
    record = task_of(state, unit.task)
    if record is None or record.run is None:
        return record is not None and unit.part is None
    return unit in units_of(unit.task, record.run.layout)


def end_run(
    state: State, sequence: EventsSeq, time_ns: int, position: WritesSeq, record: TaskRecord, deleted: bool = False
) -> None:
    """Keep what a worker has to know to end a task's run, behind earlier runs that have not yet stopped."""
    if record.run is not None:
        ended = EndedRun(sequence, time_ns, position, record.run, deleted)
        state.put(ENDED, record.id, (*ended_of(state, record.id), ended))
