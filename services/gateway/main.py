"""The gateway's process: the HTTP API on one side, the bus on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import chain

from quart import Blueprint

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.link import Credentials
from services.bus.streams import StreamLimits
from services.engine.nodes import registry
from services.engine.scripts import ParsedScripts
from services.engine.udf.functions import Functions
from services.gateway.alerting import Alerting
from services.gateway.app import make_app
from services.gateway.commands.figures import Figures
from services.gateway.commands.handlers import Check, HandlerCommands
from services.gateway.commands.operations import Operations
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.commands.replays import ReplayCommands
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands
from services.gateway.deciding import Deciding
from services.gateway.engine import Engine
from services.gateway.entry import Entry
from services.gateway.handler_state import HandlerState
from services.gateway.inhibited import Inhibited
from services.gateway.load.loader import Loader
from services.gateway.operation import Operation
from services.gateway.over_bus import serve as serve_commands
from services.gateway.over_http import blueprint
from services.gateway.processes import Processes
from services.gateway.recorder_state import RecorderState
from services.gateway.rereading import rereading
from services.gateway.resources import (
    documents,
    figures,
    handlers,
    load,
    loglevel,
    logs,
    ping,
    pprof,
    recordings,
    replays,
    routes,
    sideload,
    storage,
    subscriptions,
    tasks,
    templates,
    topics,
)
from services.gateway.scripts import Scripts
from services.gateway.server import listen, serve
from services.gateway.state import TaskState
from services.gateway.writes import ROUTES, Writes
from services.pipeline.spec import HandlerSpec
from services.store.store import Store

_SCHEMA, _VERSION = "gateway", 2


async def main(
    config: Config,
    ready: Callable[[], None],
    stop: asyncio.Event,
    specs: Mapping[str, HandlerSpec],
    check_handler: Check,
    again: asyncio.Event | None = None,
) -> None:
    """Serve the HTTP API until `stop` is set; `ready` is called once it answers.

    specs: the alert handlers that scripts may use. check_handler: what topics may be given. again: set whenever the
    load directory and sideload sources are to be read anew. Raises OSError where the address cannot be had,
    BusUnavailable where NATS cannot be reached, StoreError where the fold cannot be kept.
    """
    listener = listen(config.http.bind_address)
    nats = config.nats
    credentials = Credentials(nats.username or None, nats.password or None)
    async with await Bus.connect(nats.url, "gateway", credentials) as bus:
        await bus.ensure_streams(
            StreamLimits(nats.write_max_age, nats.write_max_bytes, nats.replicas),
            StreamLimits(replicas=nats.replicas),
            StreamLimits(nats.alert_max_age, nats.alert_max_bytes, nats.replicas),
        )
        path = config.data_dir / "gateway" / "gateway.lmdb"
        with Store.open(path, _SCHEMA, _VERSION, durable=False) as store:
            async with (
                TaskState(bus, store) as state,
                RecorderState(bus, store) as recorder_state,
                HandlerState(bus, store) as handler_state,
                Functions(config.udf.functions) as functions,
            ):
                scripts = Scripts(registry(specs, functions), ParsedScripts(store).parsed)
                alerting = Alerting(bus, lambda: max(state.position, handler_state.position))
                deciding = Deciding(
                    TaskCommands(bus, state, scripts),
                    TemplateCommands(bus, state, scripts),
                    HandlerCommands(bus, handler_state, alerting, check_handler),
                )
                async with (
                    Processes(bus) as processes,
                    Loader(config, bus, store, state, scripts, deciding) as loader,
                    rereading(again or asyncio.Event(), loader, Operations(processes, Engine(bus))),
                ):
                    states = state, recorder_state, handler_state
                    operations, besides = _api(
                        config, bus, states, scripts, processes, deciding, alerting, loader, stop
                    )
                    resources = [blueprint(name, its) for name, its in operations.items()]
                    app = make_app([*resources, *besides], config.http.max_body_size)
                    entry = Entry(app, Writes(config, bus), config.http.log_enabled)
                    answering = serve_commands(bus, chain.from_iterable(operations.values()))
                    await serve(entry, listener, stop, config.http.shutdown_timeout, ready)
                    for one in answering:
                        one.stop()


def _api(
    config: Config,
    bus: Bus,
    states: tuple[TaskState, RecorderState, HandlerState],
    scripts: Scripts,
    processes: Processes,
    deciding: Deciding,
    alerting: Alerting,
    loader: Loader,
    stop: asyncio.Event,
) -> tuple[Mapping[str, list[Operation]], list[Blueprint]]:
    """The operations by resource, and what there is over HTTP besides."""
    state, recorder_state, handler_state = states
    engine = Engine(bus)
    recorder_reads = RecorderReads(recorder_state)
    recording_commands = RecordingCommands(bus, state, recorder_state, scripts, config.nats.replicas)
    server = Operations(processes, engine)
    inhibited = Inhibited(alerting, state, scripts)
    shown = Figures(bus, state, scripts, processes, engine, alerting, inhibited, config.hostname, lambda: loader.errors)
    task_reads = TaskReads(state, scripts, engine, recorder_reads, inhibited)
    operations = {
        "tasks": tasks.operations(deciding.tasks, task_reads),
        "templates": templates.operations(deciding.templates, TemplateReads(state, scripts)),
        "topics": topics.operations(alerting),
        "handlers": handlers.operations(deciding.handlers, handler_state),
        "recordings": recordings.operations(recording_commands, recorder_reads),
        "replays": replays.operations(ReplayCommands(bus, state, recorder_state), recorder_reads),
        "load": load.operations(loader),
        "loglevel": loglevel.operations(server),
        "sideload": sideload.operations(server),
        "subscriptions": subscriptions.operations(),
        "storage": storage.operations(server),
        "figures": figures.operations(shown),
    }
    besides = [
        ping.blueprint(),
        routes.blueprint(),
        recordings.files(recording_commands, recorder_reads),
        logs.blueprint(processes, stop),
        storage.backup(bus),
        figures.metrics(shown),
        pprof.blueprint(processes),
        documents.blueprint(chain.from_iterable(operations.values()), ROUTES),
    ]
    return operations, besides
