"""The engine's process: a worker with its leases, its folds and its store."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.config import Config
from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import WrongSequence
from services.bus.events import Event, decode
from services.bus.link import Credentials
from services.bus.streams import EVENTS, StreamLimits
from services.engine.asks import Asks
from services.engine.checkpoints import Checkpoints
from services.engine.configured import Configured
from services.engine.intake import Intake
from services.engine.leases import Leases
from services.engine.nodes import classes, registry
from services.engine.posting import PostEndpoint
from services.engine.series import SeriesTable
from services.engine.supervisor import Supervisor
from services.engine.task import Surroundings
from services.engine.udf.functions import Functions
from services.engine.worker import Worker
from services.pipeline.spec import HandlerSpec, Registry
from services.store.effective import Effective
from services.store.errors import StoreError
from services.store.projection import Projection
from services.store.projections import overrides, tasks
from services.store.projections.with_overrides import with_overrides
from services.store.store import Store

log = logs.get("engine")

_SCHEMA, _VERSION = "engine", 4
_FINISH, _LEAVE = 0.5, 2.0  # seconds at the end: for what is under way, for saving and handing over


async def main(
    config: Config,
    ready: Callable[[], None],
    stop: asyncio.Event,
    handlers: Mapping[str, HandlerSpec],
    describe_handlers: Callable[[Any], list[dict[str, Any]]],
    post_endpoints: Mapping[str, PostEndpoint],
    effective: Effective | None = None,
) -> None:
    """Run tasks until `stop` is set; `ready` is called once this worker takes part.

    handlers: the alert handlers that scripts may use. describe_handlers: gives an alert's properties what the
    configuration says of every alert, and then tells its handlers as JSON, for the alerting service.
    post_endpoints: where httpPost nodes may post to by name. effective: the configuration, which follows the log.
    """
    effective = effective or Effective(config)
    name = config.engine.id or f"{socket.gethostname()}-{os.getpid()}"
    credentials = Credentials(config.nats.username or None, config.nats.password or None)
    async with await Bus.connect(config.nats.url, name, credentials) as bus:
        nats = config.nats
        await bus.ensure_streams(
            StreamLimits(nats.write_max_age, nats.write_max_bytes, nats.replicas),
            StreamLimits(replicas=nats.replicas),
            StreamLimits(nats.alert_max_age, nats.alert_max_bytes, nats.replicas),
        )
        path = config.data_dir / "engine" / name / "engine.lmdb"
        async with Functions(config.udf.functions) as functions:
            with Store.open(path, _SCHEMA, _VERSION, durable=False) as store:
                scripts = registry(handlers, functions)
                await _serve(
                    config, name, bus, store, ready, stop, scripts, describe_handlers, post_endpoints, effective
                )


async def _serve(
    config: Config,
    name: str,
    bus: Bus,
    store: Store,
    ready: Callable[[], None],
    stop: asyncio.Event,
    scripts: Registry,
    describe_handlers: Callable[[Any], list[dict[str, Any]]],
    post_endpoints: Mapping[str, PostEndpoint],
    effective: Effective,
) -> None:
    engine = config.engine
    table = SeriesTable()
    projection: Projection[Event] = Projection(store, with_overrides(tasks.fold), EVENTS)
    await projection.start(bus, [*tasks.SUBJECTS, *overrides.SUBJECTS], decode)
    effective.follow(projection)
    checkpoints = Checkpoints(store, bus, config.nats.replicas)
    worker = Worker(
        bus,
        Intake(table),
        checkpoints,
        engine.snapshot_interval,
        engine.max_batch_messages,
        engine.max_batch_bytes,
        lambda: leases.standing,
        lambda: leases.others(),
        lambda running, error: supervisor.failed(running, error),
    )
    supervisor = Supervisor(
        bus,
        store,
        projection,
        worker,
        checkpoints,
        scripts,
        classes(),
        table,
        engine.shards,
        name,
        replace(await surroundings(config, name, bus, effective), post_endpoints=post_endpoints),
        describe_handlers,
    )
    leases = Leases(
        bus,
        name,
        engine.shards,
        engine.lease_ttl,
        engine.heartbeat,
        supervisor.gain,
        supervisor.release,
        supervisor.lost,
        config.nats.replicas,
    )
    supervisor.attach(leases)
    asks = Asks(bus, name, worker)
    stopping = asyncio.create_task(stop.wait())
    following = asyncio.create_task(worker.run())
    starting = asyncio.create_task(leases.start())
    # what lives once all tasks do lives as long as the process: the collector need not go through it again and again
    gc.disable()
    if await _before(stopping, following, starting):
        gc.freeze()
        gc.enable()
        ready()
        await _before(stopping, following, asyncio.create_task(leases.failed()))
    starting.cancel()
    asks.stop()
    await supervisor.finish(_FINISH)
    try:
        await asyncio.wait_for(leases.stop(), _LEAVE)
    except (TimeoutError, StoreError) as e:
        log.warn("states could not be saved; the log is replayed at the next start", error=str(e) or "no time left")
    await worker.stop()
    await projection.stop()


async def _before(stopping: asyncio.Task[bool], *working: asyncio.Task[None]) -> bool:
    """Wait until the worker is to stop (False), or one of its parts has come to its end; what that raises is raised."""
    await asyncio.wait({stopping, *working}, return_when=asyncio.FIRST_COMPLETED)
    for task in working:
        if task.done():
            task.result()
    return not stopping.done()


async def surroundings(config: Config, name: str, bus: Bus, effective: Effective) -> Surroundings:
    """Who serves, as alert templates are told it, and which InfluxDB there is.

    The cluster keeps its id for ever; a worker's follows from it.
    """
    bucket = await bus.bucket("cluster", replicas=config.nats.replicas)
    with contextlib.suppress(WrongSequence):
        await bucket.create("id", str(uuid.uuid4()).encode())
    entry = await bucket.get("id")
    cluster = entry.value.decode() if entry is not None else ""
    server = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster}/{name}"))
    named = Configured(effective)
    idle = round(config.engine.group_idle_age * 1e9)
    return Surroundings(
        config.hostname, cluster, server, influxdb=named.influxdb, clusters=named.clusters, group_idle_age=idle
    )
