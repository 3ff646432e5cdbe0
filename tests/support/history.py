"""Tasks that are stepped through WRITES, saved, and kept as states of the past, without the rest of a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from grammar.tickscript.parser import parse
from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.follow import StoredMessage
from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.columns.groups.portable_names import Resolver
from services.columns.groups.series import SeriesTable
from services.dryrun.kept_state import KeptState
from services.dryrun.log_run import LogRun
from services.dryrun.state_history import StateHistory
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.history.keeper import HistorySettings, StateKeeper
from services.engine.states.history.records import KeptPoint
from services.engine.worker.task_under_way import TaskUnderWay
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.process.log import get
from services.runtime.effects import Effect
from services.runtime.environment import TaskEnvironment
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition
from services.store.folds.layouts import Unit
from services.store.folds.task_records import RunRecord
from services.store.store import Store

DBRP = ("db", "rp")
SECONDS = 60.0  # that a busy machine may take for what takes a moment


class KeptTasks:
    """A worker's tasks, as far as keeping their past goes. Use as an async context manager.

    exists: the tasks that there are, enabled or not.
    """

    def __init__(self, bus: Bus, store: Store, writes: WritesLog, every: float = 0.05, most_bytes: int = 0) -> None:
        """every: seconds; what is saved is then kept at once, if it has changed."""
        self.bus, self.checkpoints, self.writes = bus, Checkpoints(store, bus, 1, writes.epochs), writes
        self.tasks: dict[str, TaskUnderWay] = {}
        self.exists: set[str] = set()
        self._runs: dict[str, RunRecord] = {}
        self._stepping: dict[str, LogRun] = {}
        self._messages = 0
        self.keeper = StateKeeper(
            bus, self.checkpoints, self.tasks, writes.epochs, HistorySettings(every, most_bytes),
            lambda task, enabled: self._runs.get(task), lambda task: True, self.exists.__contains__,
        )  # fmt: skip

    async def __aenter__(self) -> KeptTasks:
        self.history = await StateHistory.open(self.bus)
        self._keeping = asyncio.create_task(self.keeper.run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        for run in self._stepping.values():
            run.run.close()
        await self.checkpoints.close()

    async def start(self, id: str, script: str, enabled: int = 7) -> TaskUnderWay:
        """A run that begins with what is written from now on."""
        position = WritesSeq(await self.bus.last_sequence(WRITES))
        definition = TaskDefinition("stream", script, (DBRP,), {})
        run = RunRecord(EventsSeq(enabled), time.time_ns(), position, definition)
        live = new_run(id, definition, run.began)
        task = TaskUnderWay(Unit(id), live, 0, run.enabled, position, EventsSeq(0), lambda: LeaseStatus.HELD)
        self._runs[id], self._stepping[id] = run, LogRun(live, position)
        self._stepping[id].__enter__()
        self.tasks[id] = task
        self.exists.add(id)
        self.keeper.taken_up(task, run, restored=False)
        return task

    async def write(self, body: str) -> tuple[WritesSeq, dict[str, list[Effect]]]:
        """Write lines, and step all tasks through them; where they lie, and what each task wants done."""
        ack = await self.bus.publish(write_subject(*DBRP), body.encode(), {})
        message = await self.bus.get_message(WRITES, ack.seq)
        assert message is not None
        effects = {id: await run.take([message]) for id, run in self._stepping.items()}
        for task in self.tasks.values():
            task.reached, task.dirty = WritesSeq(ack.seq), True
        return WritesSeq(ack.seq), effects

    async def save(self) -> None:
        """Save all tasks, as a worker does every few seconds."""
        await self.checkpoints.save(list(self.tasks.values()), _sent)

    async def end(self, id: str) -> None:
        """A run stops."""
        task = self.tasks[id]
        self.keeper.end(task, self._runs[id])
        del self.tasks[id]
        self._stepping.pop(id).run.close()

    async def kept_at(self, id: str, position: int) -> list[KeptPoint]:
        """Wait until the newest state that is kept of a task stands at a place; all of them."""
        return await self.until(id, lambda points: bool(points) and points[-1].until >= position)

    async def until(self, id: str, condition: Callable[[list[KeptPoint]], bool]) -> list[KeptPoint]:
        """Wait until what is kept of a task is so."""
        deadline = time.monotonic() + SECONDS
        while not condition(points := await self.history.points(id)):
            assert time.monotonic() < deadline, points
            await asyncio.sleep(0.01)
        return points


def new_run(id: str, definition: TaskDefinition, began: int | None, levels: Any = None) -> TaskRun:
    """A task with nothing done outside."""
    graph = compile_script(parse(definition.script), registry()).graph
    environment = TaskEnvironment(dry=True, levels=levels or {})
    return TaskRun(id, graph, definition.dbrps, classes(), SeriesTable(), get("test"), environment, began)


async def going_on(kept: KeptState, messages: list[StoredMessage]) -> list[Effect]:
    """What a task wants done that goes on from a kept state through some messages."""
    run = new_run(kept.task, kept.definition, kept.began, kept.levels)
    await Resolver(run.table).resolve(kept.names)
    run.restore(kept.state)
    with LogRun(run, kept.position) as log_run:
        return await log_run.take(messages)


async def _sent() -> None:
    pass
