"""The records of tasks: what is read of them, and how runs begin and end. What they hold says tasks.py beside this."""

from __future__ import annotations

from typing import Any

from services.store.projection import State

Record = dict[str, Any]

TASKS, ENDED = "tasks", "ended"

_DEFINITION = ("type", "script", "dbrps", "vars")


def task_of(state: State, id: str) -> Record | None:
    """The record of a task, None where there is none."""
    record: Record | None = state.get(TASKS, id)
    return record


def definition_of(record: Record) -> Record:
    """The part of a record that decides what runs."""
    return {key: record[key] for key in _DEFINITION}


def executing(record: Record) -> bool:
    """Whether a worker runs the task."""
    return record["run"] is not None and record["run"]["state"] == "started"


def new_run(enabled: int, began: int, position: int, record: Record) -> Record:
    """A run of the task as the record defines it, to be started by a worker."""
    return {
        "enabled": enabled,
        "began": began,
        "position": position,
        "definition": definition_of(record),
        "state": "starting",
        "worker": "",
        "alerts": [],
        "started": 0,
        "levels": {},
    }


def end_run(state: State, id: str, sequence: int, position: int, record: Record) -> None:
    """Keep what a worker has to know to bring a run to its end, behind earlier runs that have not yet stopped."""
    run = record["run"]
    if run is not None:
        ended = {"sequence": sequence, "position": position, "run": run}
        state.put(ENDED, id, [*(state.get(ENDED, id) or ()), ended])
