"""Where a look at the past begins: at a kept state, at the beginning of a run, or with nothing."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grammar.golang.times import format_rfc3339
from services.bus.positions import WritesSeq
from services.bus.reading.places_by_time import position_at
from services.bus.streams import WRITES
from services.dryrun.kept_state import KeptState
from services.dryrun.log_run import LogRun
from services.dryrun.past_tasks import TaskThen, life, task_at
from services.dryrun.starting import CannotRun, DryTasks
from services.recorder.inspection.job import InspectionFailed
from services.recorder.past import Past
from services.store.folds.definition import TaskDefinition

_NOBODY = (
    "no task of this id is there, and nothing tells any more what it was then: neither a state of it nor EVENTS, from "
    "which deleted tasks are removed by and by"
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where it begins. run: put under way, at its position. first: the place in the log behind which it is looked at.

    start: when that was, ns: no time before the log's own beginning is gone through.
    log_first: the first message that the log held; trimmed: what is to be said of that where it should have held more.
    told: {"with": "state", "run" or "nothing", "time": of the state or the run, "position", "definition": "then" or
    "now", "note": for a person}.
    """

    run: LogRun
    first: WritesSeq
    start: int
    log_first: int
    trimmed: str | None
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log holds: its first sequence, when that was stored (ns), whether it held more.

    time: now where it holds nothing any more, 0 where it never held anything.
    """

    first: int
    time: int
    trimmed: bool


async def begin(
    past: Past,
    tasks: DryTasks,
    id: str,
    defined: Mapping[str, Any] | None,
    start: int,
    stop: int,
) -> Beginning:
    """A task put under way for a part of the log. start, stop: when that was stored, ns.

    defined: the task as it was when this was asked for, None where there was none. Raises InspectionFailed, CannotRun,
    BusError.
    """
    log = await _log(past)
    if log.trimmed and stop < log.time:
        raise InspectionFailed(f"the log holds nothing from before {format_rfc3339(log.time)}")
    first = await position_at(past.bus, start)
    kept = await past.kept.nearest(id, first)
    at_start, at_stop = await task_at(past.bus, past.writes.epochs, id, start, stop)
    there, deleted = None, None
    if at_stop is None:
        there, deleted = await life(past.bus, past.writes.epochs, id, start, stop)
    at_start = at_start or there
    begun, unusable = None, ""
    if kept is not None and not kept.ended:
        _check(kept.definition)
        try:
            begun = await tasks.from_kept(kept), _of_state(kept, log)
        except CannotRun as error:
            kept, unusable = None, f"; {error}"
    run, told = begun or await _without_state(past, tasks, id, defined, log, first, at_start, at_stop)
    told["note"] += unusable
    if at_stop is not None and told["definition"] == "then" and _changed(at_stop, kept, at_start):
        told["note"] += f"; the task was changed at {format_rfc3339(at_stop.since)}, of which this does not know"
    if deleted is not None:
        told["note"] += f"; the task was deleted at {format_rfc3339(deleted)}, of which this does not know"
    trimmed = None
    if log.trimmed and start < log.time:
        trimmed = f"it begins at {format_rfc3339(log.time)}: what was written before is not in here"
    start = max(start, min(log.time, stop))
    return Beginning(run, WritesSeq(max(first, run.position)), start, log.first, trimmed, told)


async def _without_state(
    past: Past,
    tasks: DryTasks,
    id: str,
    defined: Mapping[str, Any] | None,
    log: _Log,
    first: WritesSeq,
    at_start: TaskThen | None,
    at_stop: TaskThen | None,
) -> tuple[LogRun, dict[str, Any]]:
    for then in (at_start, at_stop):
        if then is not None and then.run is not None and then.run.position >= log.first - 1:
            _check(then.definition)
            began, position = then.run.began, then.run.position
            run = await past.from_beginning(tasks, id, then.run, position)
            told = {"with": "run", "time": format_rfc3339(began), "position": position, "definition": "then"}
            return run, {**told, "note": _RUN}
    known = at_start or at_stop
    if known is not None:
        definition, which = known.definition, "then"
    elif defined is not None:
        definition, which = TaskDefinition.from_plain(defined), "now"
    else:
        raise InspectionFailed(_NOBODY)
    _check(definition)
    run = await tasks.from_nothing(id, definition, first)
    return run, {"with": "nothing", "time": None, "position": first, "definition": which, "note": _NOTHING}


def _changed(at_stop: TaskThen, kept: KeptState | None, at_start: TaskThen | None) -> bool:
    """Whether another definition of the task ran at the end than at the beginning."""
    ran = kept.definition if kept is not None and not kept.ended else at_start.definition if at_start else None
    return ran is not None and ran != at_stop.definition


_RUN = "the run's own beginning: no later state of it is kept"
_NOTHING = (
    "with nothing: no state of the task is kept from before, so what rests on earlier points is other than it was"
)


def _of_state(kept: KeptState, log: _Log) -> dict[str, Any]:
    note = "a state that was kept"
    if log.trimmed and kept.since < log.first - 1:
        note += f", but what was written from there until {format_rfc3339(log.time)} is no longer in the log"
    return {
        "with": "state",
        "time": format_rfc3339(kept.time),
        "position": kept.position,
        "definition": "then",
        "note": note,
    }


async def _log(past: Past) -> _Log:
    state = await past.bus.stream_state(WRITES)
    message = await past.bus.first_message(WRITES, state.first_seq) if state.messages else None
    anew = any(not after for after, _ in past.writes.epochs.starts[1:])
    trimmed = state.first_seq > 1 or anew
    time = message.time_ns if message is not None else clock.time_ns() if trimmed else 0
    return _Log(state.first_seq, time, trimmed)


def _check(definition: TaskDefinition) -> None:
    if definition.type == "batch":
        raise InspectionFailed("a batch task reads nothing of the log: ask for a backtest of it")
