"""Which run of a task it was: its definition then, and where in the log it began, as EVENTS has it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.events import Event, decode
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import EVENTS
from services.bus.subjects import escape
from services.dryrun.log_reader import read_subjects
from services.store.folds.definition import TaskDefinition

_BEGINS = ("defined", "updated", "enabled")


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of a task.

    enabled: the event that began it. began: when that was, ns. position: the last write that it has not to see, as the
    log is now.
    remembered: the name of what its alerts' topics remembered then (services.runtime.progress.topic_levels).
    """

    task: str
    definition: TaskDefinition
    enabled: EventsSeq
    began: int
    position: WritesSeq
    remembered: str


async def started_by(bus: Bus, epochs: Epochs, task: str, started: int) -> PastRun | None:
    """The run that the `run.started` of this sequence is of; None where EVENTS tells no more of it. Raises BusError."""
    return await _find(bus, epochs, task, lambda one, at: at == started)


async def at_time(bus: Bus, epochs: Epochs, task: str, time: int) -> PastRun | None:
    """The last run of a task that had begun by a time (ns), or else its first. None where EVENTS tells of none.

    Raises BusError.
    """
    found = await _find(bus, epochs, task, lambda one, at: one.began <= time)
    return found or await _find(bus, epochs, task, lambda one, at: True, 1)


async def known(bus: Bus, task: str) -> bool:
    """Whether EVENTS tells of a task of this id, be it a deleted one. Raises BusError."""
    return await bus.last_subject_sequence(f"tickbus.event.task.{escape(task)}.*") > 0


async def _find(
    bus: Bus, epochs: Epochs, task: str, fits: Callable[[PastRun, int], bool], most: int | None = None
) -> PastRun | None:
    """The last run that fits, or of so many that fit, with the sequence of a `run.started` of it."""
    subjects = [f"tickbus.event.{kind}.{escape(task)}.*" for kind in ("task", "run")]
    until = await bus.last_sequence(EVENTS)
    definition: TaskDefinition | None = None
    begun: dict[int, tuple[TaskDefinition, Event]] = {}
    found: list[PastRun] = []
    async with aclosing(read_subjects(bus, EVENTS, subjects, 0, until)) as reading:
        async for messages in reading:
            for message in messages:
                with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError):  # as in definitions.py
                    event = decode(message)
                    if event.kind == "task" and event.what in ("defined", "updated"):
                        definition = TaskDefinition.from_plain(event.data)
                    if event.kind == "task" and event.what in _BEGINS and definition is not None:
                        begun[event.seq] = definition, event
                    if event.kind == "run" and event.what == "started":
                        run = _run(epochs, task, begun, event)
                        found += [run] if run is not None and fits(run, event.seq) else []
    return found[:most][-1] if found else None


def _run(epochs: Epochs, task: str, begun: dict[int, tuple[TaskDefinition, Event]], started: Event) -> PastRun | None:
    enabled = started.data.get("enabled", 0)
    if enabled not in begun:
        return None
    definition, event = begun[enabled]
    position = epochs.within(event.data.get("position", started.data.get("position", 0)), event.time_ns)
    remembered = started.data.get("remembered", "")
    return PastRun(task, definition, EventsSeq(enabled), event.time_ns, WritesSeq(position), remembered)
