"""The recorder's process."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.config import Config
from services.alertlog.outbox import Outbox
from services.bus.buckets.suspects import Suspects
from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.streams import EVENTS
from services.compaction.compactor import Compactor
from services.connectors.http_sender import PostEndpoint
from services.dryrun.log_reader import read
from services.dryrun.starting import DryTasks
from services.dryrun.state_history import StateHistory
from services.engine.environment import task_environment
from services.kernels.compiled import keep_compiled_in
from services.nodes import ConfiguredNodes, classes
from services.nodes.udf_host.functions import UdfFunctions
from services.pipeline.functions import FunctionSpec
from services.process import log as logs
from services.process.metrics.shown import add_recorder
from services.process.vitals import Vitals
from services.recorder.explaining.answering import Explaining
from services.recorder.history_responder import answering_history
from services.recorder.instances import Instances
from services.recorder.past import Past
from services.recorder.record.archive import BUCKET as ARCHIVE
from services.recorder.record.recording import RecordingContext
from services.recorder.replay.replay import ReplayContext
from services.recorder.results import Results
from services.recorder.service import CLAIMS, Recorder
from services.runtime.building.compiling import Compiling, Handlers
from services.runtime.building.factory import TaskFactory
from services.runtime.building.script_cache import ParsedScripts
from services.runtime.progress.topic_levels import Remembering
from services.runtime.task_log import TASK_LOG
from services.store.live_config import LiveConfig
from services.store.store import Store

log = logs.get("recorder")

_SCHEMA, _VERSION = "recorder", 3


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
    """Make recordings and run replays until `stop` is set; `ready` is called once it takes part.

    The parameters are those of services.engine.main: replays run tasks as workers do. Raises BusUnavailable where NATS
    cannot be reached, StoreError where the store cannot be opened.
    """
    effective, vitals = effective or LiveConfig(config), vitals or Vitals("recorder")
    nats = config.nats
    name = f"recorder-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    async with (
        await Bus.for_service(nats, "recorder") as bus,
        UdfFunctions(config.udf.functions) as functions,
        _compiling(config, handlers, functions) as (store, compiling),
    ):
        outbox = Outbox(bus)
        environment = await task_environment(config, "recorder", bus, effective)
        environment = replace(environment, post_endpoints=post_endpoints)
        factory = TaskFactory(compiling, classes(), TASK_LOG)
        instances = Instances(factory, environment)
        writes = await WritesLog.open(bus, nats.replicas)
        history = StateHistory(bus, writes, nats.replicas)
        objects = await bus.objects(ARCHIVE, nats.replicas)
        remembering, suspects = Remembering(bus, nats.replicas), await Suspects.open(bus, nats.replicas)
        tasks = DryTasks(
            factory, environment, lambda dbrps, after, until: read(bus, dbrps, after, until, writes.created)
        )
        past = Past(bus, tasks, history, writes, remembering, suspects)
        recording = RecordingContext(objects, instances, writes, config.storage.max_import)
        results = await Results.open(bus, nats.replicas)
        replay = ReplayContext(objects, results, instances, outbox, describe_handlers, config.replay.patience)
        claims = await bus.bucket(CLAIMS, replicas=nats.replicas)
        try:
            working = Recorder(bus, store, claims, recording, replay, past, results, name, effective, nats.replicas)
            async with working as recorder, Explaining(past):
                with answering_history(bus, history):
                    # the server has taken the subscriptions once it answers something that was asked after them
                    await bus.last_sequence(EVENTS)
                    vitals.check("nats", functools.partial(bus.lacks, EVENTS))
                    vitals.check("events", recorder.caught_up)
                    vitals.shows(add_recorder, recorder.figures)
                    vitals.serves()
                    ready()
                    async with _compacting(Compactor(bus, claims, name, nats.compact_every)):
                        await _until(stop, recorder)
        finally:
            await outbox.close()


@contextlib.asynccontextmanager
async def _compiling(
    config: Config, handlers: Handlers, functions: Mapping[str, FunctionSpec]
) -> AsyncIterator[tuple[Store, Compiling]]:
    """The store, and the compiler that keeps what it has parsed in it."""
    keep_compiled_in(config.data_dir / "kernels")
    path = config.data_dir / "recorder" / "recorder.lmdb"
    with Store.open(path, _SCHEMA, _VERSION, durable=False) as store:
        async with Compiling(ParsedScripts(store), ConfiguredNodes(config.deadman), handlers, functions) as compiling:
            yield store, compiling


@contextlib.asynccontextmanager
async def _compacting(compactor: Compactor) -> AsyncIterator[None]:
    """Recorders have their work by claims, and time: they compact the log of events beside it."""
    working = asyncio.create_task(compactor.run())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _until(stop: asyncio.Event, recorder: Recorder) -> None:
    """Wait until `stop` is set; what the recorder cannot survive is raised."""
    stopping, failing = asyncio.create_task(stop.wait()), asyncio.create_task(recorder.failed())
    try:
        await asyncio.wait([stopping, failing], return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
    finally:
        for task in (stopping, failing):
            task.cancel()
        await asyncio.wait([stopping, failing])
