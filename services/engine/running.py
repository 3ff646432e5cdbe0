"""A task under way on a worker, and how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from services import log as logs
from services.engine.node import State
from services.engine.outbox import Standing
from services.engine.task import TaskRun

log = logs.get("engine")


@dataclass(slots=True)
class Cursor:
    """How far the worker has come in the log: everything up to `at` has gone through the tasks that go by it."""

    at: int


@dataclass(slots=True, eq=False)
class Running:
    """A task under way on this worker."""

    run: TaskRun
    shard: int
    enabled: int  # sequence of the event that enabled it: which run of the task this is
    reached: int  # everything up to here has gone through it, as far as its cursor does not say more
    started: int  # sequence of its first run.started event
    standing: Callable[[], Standing]  # whether what it emits may leave
    measurements: frozenset[int] | None = None
    dirty: bool = True  # something has changed since its state was last saved
    until: int | None = None  # it sees nothing of the log behind this
    awaited: int | None = None  # somebody waits until it has come this far
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # set when it has come there, or is gone
    cursor: Cursor | None = None
    lost: bool = False  # another worker may run it
    left: bool = False  # it was begun elsewhere, or here before, and its clock has not caught up
    told: int = 0  # the last tick (ns) of which it is known that it was told before

    @property
    def id(self) -> str:
        """The task's id."""
        return self.run.id

    @property
    def position(self) -> int:
        """Everything up to here has gone through it."""
        return self.reached if self.cursor is None else max(self.reached, self.cursor.at)

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
