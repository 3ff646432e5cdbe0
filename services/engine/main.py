"""The engine's process: a worker with its leases, its folds and its store."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.events import Event, decode
from services.bus.leases.leases import Leases
from services.bus.leases.membership import Membership
from services.bus.leases.shards import shard_of_unit
from services.bus.leases.status import LeaseStatus
from services.bus.streams import EVENTS, WRITES
from services.columns.groups.series import SeriesTable
from services.connectors.http_sender import PostEndpoint
from services.connectors.sideload import SOURCES
from services.engine.environment import task_environment
from services.engine.kernels import Kernels
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.handovers import Handovers
from services.engine.states.history.keeper import HistorySettings, StateKeeper
from services.engine.worker.requests import WorkerResponders
from services.engine.worker.run_events import RunEvents
from services.engine.worker.splitter import SplitSettings, Splitter
from services.engine.worker.starting import TaskStarter
from services.engine.worker.supervisor import Supervisor
from services.engine.worker.suspicion import Suspicion
from services.engine.worker.worker import Worker
from services.nodes import ConfiguredNodes, classes
from services.nodes.udf_host.functions import UdfFunctions
from services.process import log as logs
from services.process.metrics.shown import add_whole_worker
from services.process.vitals import Vitals
from services.runtime.building.compiling import Compiling, Handlers
from services.runtime.building.factory import TaskFactory
from services.runtime.building.script_cache import ParsedScripts
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder
from services.runtime.progress.deliveries import Deliveries
from services.runtime.progress.topic_levels import Remembering
from services.runtime.task_log import TASK_LOG
from services.store.errors import StoreError
from services.store.folds import overrides, tasks
from services.store.folds.with_overrides import with_overrides
from services.store.live_config import LiveConfig
from services.store.projection import Projection
from services.store.store import Store

log = logs.get("engine")

_SCHEMA, _VERSION = "engine", 5
_FINISH, _LEAVE = 0.5, 6.0  # seconds at the end: for what is under way, for saving and handing over


async def main(
    config: Config,
    ready: Callable[[], None],
    stop: asyncio.Event,
    handlers: Handlers,
    describe_handlers: Callable[[Any], list[dict[str, Any]]],
    post_endpoints: Mapping[str, PostEndpoint],
    effective: LiveConfig | None = None,
    vitals: Vitals | None = None,
) -> None:
    """Run tasks until `stop` is set; `ready` is called once this worker takes part.

    handlers: gives the alert handlers that scripts may use. describe_handlers: gives an alert's properties what the
    configuration says of every alert, and then tells its handlers as JSON, for the alerting service.
    post_endpoints: where httpPost nodes may post to by name. effective: the configuration, which follows the log.
    vitals: where this worker tells what it lacks.
    """
    effective = effective or LiveConfig(config)
    vitals = vitals or Vitals("engine")
    name = config.engine.id or f"{socket.gethostname()}-{os.getpid()}"
    async with await Bus.for_service(config.nats, name) as bus:
        path = config.data_dir / "engine" / name / "engine.lmdb"
        async with UdfFunctions(config.udf.functions) as functions:
            with Store.open(path, _SCHEMA, _VERSION, durable=False) as store:
                async with Compiling(
                    ParsedScripts(store), ConfiguredNodes(config.deadman), handlers, functions
                ) as compiling:
                    process = _Process(
                        config, name, bus, store, compiling, describe_handlers, post_endpoints, effective, vitals
                    )
                    await _serve(process, ready, stop)


@dataclass(frozen=True, slots=True)
class _Process:
    """What the worker is made of and with."""

    config: Config
    name: str
    bus: Bus
    store: Store
    compiling: Compiling
    describe_handlers: Callable[[Any], list[dict[str, Any]]]
    post_endpoints: Mapping[str, PostEndpoint]
    effective: LiveConfig
    vitals: Vitals


async def _serve(process: _Process, ready: Callable[[], None], stop: asyncio.Event) -> None:
    bus, config = process.bus, process.config
    engine = config.engine
    members = Membership(bus, process.name, engine.lease_ttl, engine.heartbeat, config.nats.replicas)
    projection: Projection[Event] = Projection(
        process.store, with_overrides(tasks.fold), EVENTS, forget=tasks.forget, records=tasks.RECORDS
    )
    stopping = asyncio.create_task(stop.wait())
    kernels = Kernels(config.data_dir / "kernels")
    coming = asyncio.create_task(_come(members, projection, bus, kernels.prepare()))
    # what lives once all tasks do lives as long as the process: the collector need not go through it again and again
    gc.disable()
    try:
        if await _before(stopping, coming):
            process.effective.follow(projection)
            await _take_part(process, members, projection, ready, stopping)
        else:
            coming.cancel()
            await asyncio.wait([coming])
        await members.leave()
    finally:
        members.end()
        await kernels.close()
        await projection.stop()


async def _come(
    members: Membership, projection: Projection[Event], bus: Bus, preparing: Coroutine[Any, Any, None]
) -> None:
    """Others hear of this worker before it reads the log, which takes long where there are many tasks."""
    kernels = asyncio.create_task(preparing)
    try:
        await members.join()
        await projection.start(bus, [*tasks.SUBJECTS, *overrides.SUBJECTS], decode)
        await kernels
    finally:
        kernels.cancel()


async def _take_part(
    process: _Process,
    members: Membership,
    projection: Projection[Event],
    ready: Callable[[], None],
    stopping: asyncio.Task[bool],
) -> None:
    """Run the tasks of the shards that this worker gets, until it is stopping; then save and hand over."""
    config, bus, store = process.config, process.bus, process.store
    engine, name = config.engine, process.name
    table = SeriesTable()
    writes = await WritesLog.open(bus, config.nats.replicas)
    checkpoints = Checkpoints(store, bus, config.nats.replicas, writes.epochs)
    deliveries = Deliveries(
        store,
        bus,
        engine.shards,
        lambda: leases.others(),
        lambda shard: leases.status(shard) is LeaseStatus.HELD,
        config.nats.replicas,
    )
    environment = await task_environment(config, name, bus, process.effective)
    environment = replace(environment, post_endpoints=process.post_endpoints, epochs=writes.epochs)
    worker = Worker(
        bus,
        LineProtocolDecoder(table),
        checkpoints,
        engine.snapshot_interval,
        engine.max_batch_messages,
        engine.max_batch_bytes,
        lambda: leases.standing,
        lambda: leases.others(),
        lambda running, error: supervisor.failed(running, error),
        writes,
        lambda tasks: supervisor.start_over(tasks),
        deliveries,
        environment.limits,
    )
    keeper = StateKeeper(
        bus,
        checkpoints,
        worker.tasks,
        writes.epochs,
        HistorySettings(engine.history_every, engine.history_bytes, config.nats.replicas),
        lambda task, enabled: tasks.run_of(projection.state, task, enabled),
        lambda id: leases.status(shard_of_unit(id, engine.shards)) is LeaseStatus.HELD,
        lambda id: tasks.has_unit(projection.state, id),
    )
    worker.saving.after_pause = keeper.after_pause
    suspicion = Suspicion(bus, config.nats.replicas)
    remembering = Remembering(bus, config.nats.replicas)
    events = RunEvents(bus, name)
    handovers = Handovers(bus, classes(), config.nats.replicas)
    factory = TaskFactory(process.compiling, classes(), TASK_LOG)
    starter = TaskStarter(
        bus,
        projection,
        checkpoints,
        remembering,
        factory,
        table,
        environment,
        process.describe_handlers,
        writes,
        deliveries,
        events,
        handovers,
    )
    supervisor = Supervisor(
        bus,
        projection,
        worker,
        checkpoints,
        remembering,
        process.compiling,
        starter,
        events,
        engine.shards,
        writes,
        deliveries,
        suspicion,
        engine.drain_limit,
        keeper,
        handovers,
    )
    leases = Leases(
        bus, members, engine.shards, supervisor.gain, supervisor.release, supervisor.lost, config.nats.replicas
    )
    supervisor.attach(leases)
    splitter = Splitter(
        projection,
        factory,
        events,
        handovers,
        leases,
        engine.shards,
        SplitSettings(engine.split, engine.split_share, engine.lease_ttl),
        lambda id: worker.tasks[id].run.busy_ns if id in worker.tasks else None,
    )
    responders = WorkerResponders(bus, name, worker, keeper)
    following = asyncio.create_task(worker.run())
    watching = asyncio.create_task(suspicion.watch(worker.tasks))
    starting = asyncio.create_task(leases.start(engine.workers))
    publishing = asyncio.create_task(deliveries.keep_publishing())
    served = asyncio.Event()

    async def keep() -> None:
        await served.wait()  # it asks the bus about each task
        await keeper.run()

    keeping = asyncio.create_task(keep())
    splitting = asyncio.create_task(splitter.run())
    if await _before(stopping, following, starting):
        gc.freeze()
        gc.enable()
        served.set()
        _watch(process.vitals, bus, projection, leases)
        process.vitals.shows(add_whole_worker, responders.stats)
        process.vitals.serves()
        ready()
        await _before(stopping, following, asyncio.create_task(leases.failed()))
    starting.cancel()
    watching.cancel()
    splitting.cancel()
    keeping.cancel()
    responders.stop()
    await supervisor.finish(_FINISH)
    try:
        async with asyncio.timeout(_LEAVE):
            await leases.stop()
    except (TimeoutError, StoreError) as e:
        log.warn("states could not be saved; the log is replayed at the next start", err=str(e) or "no time left")
    publishing.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await worker.stop()
    await checkpoints.close()
    await SOURCES.close()


def _watch(vitals: Vitals, bus: Bus, projection: Projection[Event], leases: Leases) -> None:
    """What has to be in order for the worker to be ready."""

    async def caught_up() -> str:
        await projection.caught_up()
        return ""

    async def shards() -> str:
        if not leases.standing:
            return "it may have been taken for dead, and has to claim its shards again"
        missing = leases.missing()
        return f"{missing} shards are not taken up yet" if missing else ""

    vitals.check("nats", functools.partial(bus.lacks, WRITES))
    vitals.check("events", caught_up)
    vitals.check("shards", shards)


async def _before(stopping: asyncio.Task[bool], *working: asyncio.Task[None]) -> bool:
    """Wait until the worker is to stop (False), or one of its parts has come to its end; what that raises is raised."""
    await asyncio.wait({stopping, *working}, return_when=asyncio.FIRST_COMPLETED)
    for task in working:
        if task.done():
            task.result()
    return not stopping.done()
