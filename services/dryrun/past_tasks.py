"""What a task was at some time and which run of it went on, of those as well that are no more: as EVENTS tells it.

The positions of runs are told as the log of writes is now, which may have gone back meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from services.bus import events
from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.events import Event
from services.bus.positions import WritesSeq
from services.bus.streams import EVENTS
from services.bus.subjects import events_subject
from services.dryrun.log_reader import read_subjects
from services.store.folds import tasks
from services.store.folds.definition import TaskDefinition
from services.store.folds.state import State
from services.store.folds.task_records import RunRecord, TaskRecord

_AT_ONCE = 200  # events that are folded before others have their turn


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
    async with aclosing(_records(bus, id)) as records:
        async for event, record in records:
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
    async with aclosing(_records(bus, id)) as records:
        async for event, record in records:
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
    async with aclosing(_records(bus, id)) as records:
        async for event, record in records:
            if event.seq == started:
                return None if record is None else _run(record, epochs)
    return None


async def run_at(bus: Bus, epochs: Epochs, id: str, time: int) -> RunRecord | None:
    """The last run of a task that had begun by a time (ns), or else its first. None where EVENTS tells of none.

    Raises BusError.
    """
    found: RunRecord | None = None
    async with aclosing(_records(bus, id)) as records:
        async for _, record in records:
            run = None if record is None else _run(record, epochs)
            if run is not None and run.started and (found is None or found.began <= run.began <= time):
                found = run
    return found


async def is_known(bus: Bus, id: str) -> bool:
    """Whether EVENTS tells of a task of this id, be it a deleted one. Raises BusError, ValueError for no such id."""
    return await bus.last_subject_sequence(events_subject("task", id)) > 0


async def _records(bus: Bus, id: str) -> AsyncGenerator[tuple[Event, TaskRecord | None]]:
    """What a task was after each event, in their order.

    Of one that is made of a template, or had another id, that is told by the events of others too: all are folded then.
    """
    own = [events_subject(kind, id) for kind in ("task", "run")]
    state = State()
    async with aclosing(_events(bus, own)) as reading:
        alone = [event async for event in reading]
    if not any(event.data.get("template-id") or event.data.get("was", id) != id for event in alone):
        for event in alone:
            yield event, _folded(state, event, id)
        return
    async with aclosing(_events(bus, tasks.SUBJECTS)) as reading:
        async for event in reading:
            yield event, _folded(state, event, id)


def _folded(state: State, event: Event, id: str) -> TaskRecord | None:
    with contextlib.suppress(Exception):  # what no fold takes has changed nothing for anybody
        state.take(tasks.fold, event, event.seq)
    return tasks.task_of(state, id)


async def _events(bus: Bus, subjects: Sequence[str]) -> AsyncGenerator[Event]:
    until = await bus.last_sequence(EVENTS)
    async with aclosing(read_subjects(bus, EVENTS, subjects, 0, until)) as reading:
        async for messages in reading:
            for number, message in enumerate(messages):
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)
                with contextlib.suppress(ValueError):  # what cannot be read has changed nothing for anybody
                    yield events.decode(message)


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
