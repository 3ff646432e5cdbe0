"""Tasks that are stepped through WRITES, saved, and kept as states of the past, without the rest of a worker."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from grammar.tickscript.parser import parse
from schemas.config import Config
from services.alerting.handlers import specs
from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.follow import StoredMessage
from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.columns.groups.portable_names import Resolver
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.dryrun.kept_state import KeptState
from services.dryrun.log_reader import read
from services.dryrun.log_run import LogRun
from services.dryrun.starting import DryTasks
from services.dryrun.state_history import StateHistory
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.history.keeper import HistorySettings, StateKeeper
from services.engine.states.history.records import KeptPoint
from services.engine.worker.task_under_way import TaskUnderWay
from services.nodes import ConfiguredNodes, classes, registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.graph import Graph
from services.process.log import get
from services.runtime.building.compiling import Compiling
from services.runtime.building.factory import TaskFactory
from services.runtime.building.script_cache import ParsedScripts
from services.runtime.effects import Effect
from services.runtime.environment import TaskEnvironment
from services.runtime.input.share import Share
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition
from services.store.folds.layouts import Unit
from services.store.folds.task_records import RunRecord
from services.store.store import Store

Begins = tuple[WritesSeq, State]
"""From where a run goes on: a place in the log, and the state there."""
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
        return self.take_up(Unit(id), await new_record(self.bus, script, enabled))

    def take_up(
        self, unit: Unit, run: RunRecord, share: Share | None = None, begins: Begins | None = None
    ) -> TaskUnderWay:
        """A run, or a part of one, that begins, or goes on from a state at a place."""
        live = new_run(unit.task, run.definition, run.began, share=share)
        position, state = begins or (run.position, None)
        if state is not None:
            live.restore(state)
        task = TaskUnderWay(unit, live, 0, run.enabled, position, EventsSeq(0), lambda: LeaseStatus.HELD)
        self._runs[unit.task], self._stepping[unit.id] = run, LogRun(live, position)
        self._stepping[unit.id].__enter__()
        self.tasks[unit.id] = task
        self.exists.add(unit.id)
        self.keeper.taken_up(task, run, restored=state is not None)
        return task

    async def write(self, body: str) -> tuple[WritesSeq, dict[str, list[Effect]]]:
        """Write lines, and step all tasks through them; where they lie, and what each task wants done."""
        message = await written(self.bus, body)
        return WritesSeq(message.seq), await self.take(message)

    async def take(self, message: StoredMessage) -> dict[str, list[Effect]]:
        """Step all tasks through a message; what each wants done."""
        effects = {id: await run.take([message]) for id, run in self._stepping.items()}
        for task in self.tasks.values():
            task.reached, task.dirty = WritesSeq(message.seq), True
        return effects

    async def save(self, *ids: str) -> None:
        """Save all tasks, or some, as a worker does every few seconds."""
        await self.checkpoints.save([self.tasks[id] for id in ids or self.tasks], _sent)

    async def end(self, id: str) -> None:
        """A run stops."""
        self.keeper.end(self.tasks[id], self._runs[self.tasks[id].task])
        self.leave(id)

    def leave(self, id: str) -> State:
        """A run, or a part of one, goes on elsewhere; gives its state."""
        del self.tasks[id]
        run = self._stepping.pop(id).run
        try:
            return run.state()
        finally:
            run.close()

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


async def new_record(bus: Bus, script: str, enabled: int = 7) -> RunRecord:
    """A run of a task that begins with what is written from now on."""
    position, definition = WritesSeq(await bus.last_sequence(WRITES)), TaskDefinition("stream", script, (DBRP,), {})
    return RunRecord(EventsSeq(enabled), time.time_ns(), position, definition)


async def written(bus: Bus, body: str) -> StoredMessage:
    """Write lines; gives what lies in the log then."""
    ack = await bus.publish(write_subject(*DBRP), body.encode(), {})
    message = await bus.get_message(WRITES, ack.seq)
    assert message is not None
    return message


def new_run(
    id: str, definition: TaskDefinition, began: int | None, levels: Any = None, share: Share | None = None
) -> TaskRun:
    """A task with nothing done outside."""
    environment = TaskEnvironment(dry=True, levels=levels or {})
    graph = graph_of(definition.script)
    return TaskRun(id, graph, definition.dbrps, classes(), SeriesTable(), get("test"), environment, began, share)


def graph_of(script: str) -> Graph:
    """What a script is compiled to."""
    return compile_script(parse(script), registry()).graph


@contextlib.asynccontextmanager
async def dry_tasks(bus: Bus, store: Store) -> AsyncIterator[DryTasks]:
    """What puts tasks under way from kept states, as a recorder does."""
    async with Compiling(ParsedScripts(store), ConfiguredNodes(Config().deadman), specs, {}) as compiling:
        factory = TaskFactory(compiling, classes(), get("test"))
        yield DryTasks(factory, TaskEnvironment(), functools.partial(read, bus))


async def going_on(kept: KeptState, messages: list[StoredMessage]) -> list[Effect]:
    """What a task wants done that goes on from a kept state through some messages."""
    run = new_run(kept.task, kept.definition, kept.began, kept.levels)
    await Resolver(run.table).resolve(kept.names)
    run.restore(kept.state)
    with LogRun(run, kept.position) as log_run:
        return await log_run.take(messages)


async def _sent() -> None:
    pass
