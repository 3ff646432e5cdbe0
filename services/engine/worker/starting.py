"""Taking up runs of tasks: built, with the state that was saved of them, and said to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.events import Event
from services.bus.leases.status import LeaseStatus
from services.bus.positions import WritesSeq
from services.columns.groups.portable_names import Resolver
from services.columns.groups.series import SeriesTable
from services.engine.states.checkpoints import Checkpoints, FoundState
from services.engine.states.handovers import Handovers, share_of
from services.engine.states.records import RunKey
from services.engine.worker.announced import learn_announced
from services.engine.worker.run_events import RunEvents
from services.engine.worker.task_under_way import START, TaskUnderWay, task_note
from services.nodes.raising.description import DescribeHandlers, describe_alerts
from services.pipeline.graph import Graph
from services.process import log as logs
from services.process.flight_recorder import EVERYWHERE, FLIGHT_RECORDER
from services.runtime.building.factory import TaskFactory
from services.runtime.environment import TaskEnvironment
from services.runtime.progress.deliveries import Deliveries
from services.runtime.progress.topic_levels import Remembering
from services.runtime.task import TaskRun
from services.store.folds import tasks as task_fold
from services.store.folds.layouts import Unit
from services.store.folds.task_records import RunRecord
from services.store.projection import Projection

log = logs.get("engine")


class BegunElsewhere(Exception):
    """Another worker has started the run before us, and what alerts it goes on from is what that one was told."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was taken up. alerts: its alert nodes, as `run.started` has them. restored: from a saved state."""

    task: TaskUnderWay
    alerts: list[dict[str, Any]]
    restored: bool


class TaskStarter:
    """Takes up the runs of one worker."""

    def __init__(
        self,
        bus: Bus,
        projection: Projection[Event],
        checkpoints: Checkpoints,
        remembering: Remembering,
        factory: TaskFactory,
        table: SeriesTable,
        environment: TaskEnvironment,
        describe_handlers: DescribeHandlers,
        writes: WritesLog,
        deliveries: Deliveries,
        events: RunEvents,
        handovers: Handovers,
    ) -> None:
        self._bus, self._projection, self._checkpoints = bus, projection, checkpoints
        self._remembering, self._factory, self._table = remembering, factory, table
        self._environment, self._describe_handlers = environment, describe_handlers
        self._writes, self._deliveries, self._events = writes, deliveries, events
        self._handovers = handovers
        self._names = Resolver(table)

    async def take_up(self, unit: Unit, run: RunRecord, shard: int, status: Callable[[int], LeaseStatus]) -> Started:
        """The run, or a part of it, with its saved state. status: of a shard's lease.

        Raises TaskFailed or TickscriptError, BusError.
        """
        levels = (run.levels or await self._remembering.find(run.remembered)) if run.started else None
        live, alerts = await self._build(unit, run, levels)
        found = await self._checkpoints.load(unit.id, RunKey(run.enabled, run.began), of_log=bool(live.streams))
        position = WritesSeq(self._writes.epochs.within(run.position, run.began))
        if found is None and unit.layout:
            found = await self._handed(unit, run, live.graph)
        if found is not None:
            try:
                await self._names.resolve(found.names)
                with FLIGHT_RECORDER.at(task_note(unit.id, run.enabled, START), *EVERYWHERE):
                    live.restore(found.state)
                position = max(position, found.position)
            except Exception as e:
                log.warn("a saved state does not fit; the log is replayed instead", task=unit.id, err=e)
                live.close()
                found = None
                live, alerts = await self._build(unit, run, levels)
        task = _under_way(unit, live, run, shard, position, status)
        task.dirty = found is None or not found.here
        task.left = bool(run.started)
        try:
            if task.left:
                topics = [topic for a in alerts for topic in a["topics"]]
                await learn_announced(self._bus, task, topics, self._deliveries.last_tick(unit.id))
        except BaseException:
            task.close()
            raise
        return Started(task, alerts, found is not None)

    async def announce(self, started: Started, run: RunRecord) -> None:
        """Say that a run is here, where another worker had it or none. Raises BegunElsewhere, BusError."""
        if started.task.part is not None:
            await self._announce_part(started.task, run)
            return
        if run.worker == self._events.name and run.started:
            return
        task, remembered = started.task, run.remembered
        if not run.started:
            remembered = await self._remembering.keep(task.id, run.enabled, task.run.environment.levels)
        data = {
            "enabled": task.enabled,
            "position": task.position,
            "worker": self._events.name,
            "alerts": started.alerts,
            "remembered": remembered,
        }
        await self._projection.reached(await self._events.publish(task.id, "started", data))
        record = task_fold.task_of(self._projection.state, task.id)
        known = None if record is None else record.run
        if known is not None and known.enabled == task.enabled:
            # the first start names the handlers of all of them
            task.started = known.started
            if not known.levels and known.remembered != remembered:
                await self._remembering.forget(remembered)
                raise BegunElsewhere

    async def _announce_part(self, task: TaskUnderWay, run: RunRecord) -> None:
        layout = None if run.layout is None else run.layout.of(task.unit)
        if layout is None or layout.workers.get(task.unit.number) == self._events.name:
            return
        data = {
            "enabled": task.enabled,
            "layout": task.unit.layout,
            "part": task.unit.number,
            "worker": self._events.name,
        }
        await self._projection.reached(await self._events.publish(task.task, "part-started", data))

    async def _handed(self, unit: Unit, run: RunRecord, graph: Graph) -> FoundState | None:
        """What a part begins with: its share of what the units before it have come to; None where that is lost."""
        layout = None if run.layout is None else run.layout.of(unit)
        if layout is None:
            return None
        found = await self._handovers.find(unit, run.enabled, graph, share_of(layout, unit.number))
        if found is None or self._writes.epochs.within(found.position, layout.time) < found.position:
            log.error("the state that a part was to begin with is lost; the log is replayed instead", task=unit.id)
            return None
        return found

    async def _build(
        self, unit: Unit, run: RunRecord, levels: Mapping[str, Any] | None
    ) -> tuple[TaskRun, list[dict[str, Any]]]:
        graph, id = await self._factory.graph(run.definition), unit.task
        layout = None if run.layout is None else run.layout.of(unit)
        share = None if layout is None or unit.part is None else share_of(layout, unit.number)
        alerts = describe_alerts(graph, self._describe_handlers, id)
        if levels is None:
            levels = await self._remembering.ask([topic for a in alerts for topic in a["topics"]], run.enabled)
        environment = replace(self._environment, levels=levels, deliveries=self._deliveries.open(unit.id, run.began))
        note = task_note(unit.id, run.enabled, START)
        return await self._factory.run(
            id, run.definition, graph, self._table, environment, run.began, note, share
        ), alerts


def _under_way(
    unit: Unit, live: TaskRun, run: RunRecord, shard: int, position: WritesSeq, status: Callable[[int], LeaseStatus]
) -> TaskUnderWay:
    def lease_status() -> LeaseStatus:
        return LeaseStatus.LOST if task.lost else status(shard)

    task = TaskUnderWay(unit, live, shard, run.enabled, position, run.started, lease_status)
    return task
