"""What a task was at some time and which run of it went on, of those as well that are no more: as EVENTS tells it.

The positions of runs are told as the log of writes is now, which may have gone back meanwhile.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace

from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.positions import WritesSeq
from services.bus.subjects import events_subject
from services.store.folds.definition import TaskDefinition
from services.store.folds.task_records import RunRecord, TaskRecord
from services.store.task_lives import records


@dataclass(frozen=True, slots=True)
class TaskThen:
    """A task at some time. definition: what ran, or would have run. since: when it was last changed, ns.

    run: the one that was meant then, None where the task was not enabled.
    """

    definition: TaskDefinition
    since: int
    run: RunRecord | None


async def task_at(bus: Bus, epochs: Epochs, id: str, *times: int) -> list[TaskThen | None]:
    """A task as it was at each of some times (ns, in order); None where there was none, or EVENTS does not tell any
    more. epochs: of WRITES. Raises BusError.
    """
    found: list[TaskThen | None] = []
    before: TaskThen | None = None
    async with aclosing(records(bus, id)) as life_of:
        async for event, record in life_of:
            while len(found) < len(times) and event.time_ns > times[len(found)]:
                found.append(before)
            if len(found) == len(times):
                return found
            before = None if record is None else _then(record, epochs)
    return [*found, *(before for _ in times[len(found) :])]


async def life(bus: Bus, epochs: Epochs, id: str, start: int, stop: int) -> tuple[TaskThen | None, int | None]:
    """A task in its first run that was under way between two times (ns), or began there, else as it was at first; and
    when it was deleted behind that, before the second one. None where that was not, or EVENTS does not tell any more.
    Raises BusError.
    """
    first: TaskThen | None = None
    before: TaskThen | None = None
    async with aclosing(records(bus, id)) as life_of:
        async for event, record in life_of:
            then = None if record is None else _then(record, epochs)
            if event.time_ns > start:
                first = _earlier(first, before)
                if event.time_ns > stop:
                    return first, None
                if before is not None and then is None:
                    return first, event.time_ns
            before = then
    return _earlier(first, before), None


async def run_started_by(bus: Bus, epochs: Epochs, id: str, started: int) -> RunRecord | None:
    """The run of which the `run.started` of this sequence tells; None where EVENTS has it no more. Raises BusError."""
    async with aclosing(records(bus, id)) as life_of:
        async for event, record in life_of:
            if event.seq == started:
                return None if record is None else _run(record, epochs)
    return None


async def run_at(bus: Bus, epochs: Epochs, id: str, time: int) -> RunRecord | None:
    """The last run of a task that had begun by a time (ns), or else its first. None where EVENTS tells of none.

    Raises BusError.
    """
    found: RunRecord | None = None
    async with aclosing(records(bus, id)) as life_of:
        async for _, record in life_of:
            run = None if record is None else _run(record, epochs)
            if run is not None and run.started and (found is None or found.began <= run.began <= time):
                found = run
    return found


async def is_known(bus: Bus, id: str) -> bool:
    """Whether EVENTS tells of a task of this id, be it a deleted one. Raises BusError, ValueError for no such id."""
    return await bus.last_subject_sequence(events_subject("task", id)) > 0


def _earlier(first: TaskThen | None, other: TaskThen | None) -> TaskThen | None:
    """The first that runs, else the first that is there."""
    if first is None or (first.run is None and other is not None and other.run is not None):
        return other
    return first


def _then(record: TaskRecord, epochs: Epochs) -> TaskThen:
    run = _run(record, epochs)
    return TaskThen(record.definition if run is None else run.definition, record.modified, run)


def _run(record: TaskRecord, epochs: Epochs) -> RunRecord | None:
    run = record.run
    return run and replace(run, position=WritesSeq(epochs.within(run.position, run.began)))
