"""Where an explanation begins: at a state that was kept of the run, or at the run's beginning."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from grammar.golang.times import format_rfc3339
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.dryrun.kept_state import KeptState
from services.dryrun.log_run import LogRun
from services.dryrun.starting import CannotRun, DryTasks
from services.process.flight_recorder import packed
from services.recorder.explaining.unexplained import Unexplained
from services.recorder.past import Past
from services.store.folds.task_records import RunRecord

_QUARANTINE = 600 * 10**9  # ns for which nobody asks again what has ended a recorder
_CUT = (
    "the log does not reach back to where the task began, and no state of it is kept from before: what it knew from "
    "writes that are gone is missing here"
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that stands at a place in the log. kept: the state that it began from. note: what is missing in it."""

    log: LogRun
    position: WritesSeq
    kept: KeptState | None
    note: str

    def to_plain(self) -> dict[str, Any]:
        """From where on the log was gone through again."""
        kept = {} if self.kept is None else {"kept": format_rfc3339(self.kept.time)}
        return {"position": self.position, **kept}


async def begin(
    past: Past, run: RunRecord | None, kind: str, task: str, before: WritesSeq, tick: int | None = None
) -> Begun:
    """A task's run as it was at a place in the log, from which it is to be taken to another: at most `before`.

    run: as EVENTS tells of it. kind: of the question. tick: nothing may have been set off yet that was due then (ns) or
    later. Raises Unexplained, BusError.
    """
    note = await _guarded(past, kind, task)
    begun = await _begin(past, replace(past.tasks, note=note), run, task, before, tick)
    begun.log.note = note
    return begun


async def _begin(
    past: Past, tasks: DryTasks, run: RunRecord | None, task: str, before: WritesSeq, tick: int | None
) -> Begun:
    kept = await past.kept.nearest(task, before, None if run is None else run.enabled, tick)
    first = (await past.bus.stream_state(WRITES)).first_seq
    unusable = ""
    if kept is not None and kept.since >= first - 1:
        try:
            log = await tasks.from_kept(kept)
            if tick is None or log.run.clock is None or log.run.clock < tick:
                return Begun(log, kept.position, kept, "")
            log.run.close()
        except CannotRun as error:
            unusable = str(error)
    if run is None:
        reason = "neither a state of it is kept from then, nor does the log of events tell how it was defined"
        raise Unexplained(410, f"task {task!r} cannot be run as it was: {reason}")
    position = WritesSeq(max(run.position, first - 1))
    try:
        log = await past.from_beginning(tasks, task, run, position)
    except CannotRun as error:
        raise Unexplained(409, f"the task cannot be run as it was: {error}") from error
    return Begun(log, position, None, _CUT if position > run.position else unusable)


async def _guarded(past: Past, kind: str, task: str) -> bytes:
    """By what it is known that a question of this kind goes through a task, which a hostile one may hang in.

    Raises Unexplained where a recorder was ended in it not long ago, BusError.
    """
    suspect = await past.suspects.of(kind, task)
    if suspect is not None and suspect.hung and (until := suspect.time_ns + _QUARANTINE) > time.time_ns():
        reason = "a step took longer than the step-limit in [engine], and its recorder was ended"
        raise Unexplained(409, f"task {task!r} is not gone through again before {format_rfc3339(until)}: {reason}")
    return packed(kind=kind, id=task)
