"""A task under way on a worker, and how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq, PartOf, WritesSeq
from services.columns.snapshot import State
from services.process import log as logs
from services.process.flight_recorder import packed
from services.runtime.task import TaskRun
from services.store.folds.layouts import Unit

log = logs.get("engine")

TASK = "task"
"""What the process is at (services.process.flight_recorder), by kind. A task's steps are at messages, at the clock,
outside or at their start or end."""
AT_MESSAGES, AT_CLOCK, OUTSIDE, START, END = "messages", "clock", "outside", "start", "end"


@dataclass(slots=True)
class Cursor:
    """How far the worker has come in the log: everything up to `at` has gone through the tasks that go by it."""

    at: WritesSeq


@dataclass(slots=True, eq=False)
class TaskUnderWay:
    """A task, or a part of one, under way on this worker."""

    unit: Unit
    run: TaskRun
    shard: int
    enabled: EventsSeq  # the event that enabled it: which run of the task this is
    reached: WritesSeq  # everything up to here has gone through it, as far as its cursor does not say more
    started: EventsSeq  # its first run.started event
    lease_status: Callable[[], LeaseStatus]  # whether what it emits may leave
    measurements: frozenset[int] | None = None
    dirty: bool = True  # something has changed since its state was last saved
    until: WritesSeq | None = None  # it sees nothing of the log behind this
    awaited: WritesSeq | None = None  # somebody waits until it has come this far
    paused: bool = False  # it goes by no cursor and no clock until it is resumed
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # set when it has come there, or is gone
    cursor: Cursor | None = None
    lost: bool = False  # another worker may run it
    left: bool = False  # it was begun elsewhere, or here before, and its clock has not caught up
    announced: int = 0  # the last tick (ns) of which it is known that what it set off was sent before
    took_in: bool = False  # what came from outside has gone through it
    notes: dict[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """By which the worker knows it: the task's id, or that of a part of it."""
        return self.unit.id

    @property
    def task(self) -> str:
        """The task's id."""
        return self.run.id

    @property
    def part(self) -> PartOf | None:
        """Which part of the task it is, None where that runs whole."""
        return self.unit.part

    @property
    def began(self) -> int | None:
        """When it was enabled, ns."""
        return self.run.began

    @property
    def position(self) -> WritesSeq:
        """Everything up to here has gone through it; nothing behind `until` does."""
        if self.cursor is None:
            return self.reached
        at = self.cursor.at if self.until is None else min(self.cursor.at, self.until)
        return max(self.reached, at)

    def note(self, at: str) -> bytes:
        """What to note while it is at a step of this kind."""
        found = self.notes.get(at)
        if found is None:
            found = self.notes[at] = task_note(self.id, self.enabled, at)
        return found

    def leave(self, cursor: Cursor | None = None) -> None:
        """Keep the position reached, and go by another cursor or by none."""
        self.reached = self.position
        self.cursor = cursor

    def state(self) -> State:
        """The state of all its nodes."""
        return self.run.state()

    def close(self) -> None:
        """Let go of what its nodes hold."""
        try:
            self.run.close()
        except Exception as e:
            log.exception("a task cannot be closed", e, task=self.id)


def task_note(id: str, enabled: EventsSeq, at: str) -> bytes:
    """What to note while a run of a task is at something."""
    return packed(kind=TASK, id=id, run=enabled, at=at)
