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
from services.gateway.engine import Engine
from services.gateway.entry import Entry
from services.gateway.handler_state import HandlerState
from services.gateway.operation import Operation
from services.gateway.over_bus import serve as serve_commands
from services.gateway.over_http import blueprint
from services.gateway.processes import Processes
from services.gateway.recorder_state import RecorderState
from services.gateway.resources import (
    documents,
    figures,
    handlers,
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
) -> None:
    """Serve the HTTP API until `stop` is set; `ready` is called once it answers.

    specs: the alert handlers that scripts may use. check_handler: what topics may be given. Raises OSError where the
    address cannot be had, BusUnavailable where NATS cannot be reached, StoreError where the fold cannot be kept.
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
                async with Processes(bus) as processes:
                    states = state, recorder_state, handler_state
                    operations, besides = _api(config, bus, states, scripts, processes, check_handler, stop)
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
    check_handler: Check,
    stop: asyncio.Event,
) -> tuple[Mapping[str, list[Operation]], list[Blueprint]]:
    """The operations by resource, and what there is over HTTP besides."""
    state, recorder_state, handler_state = states
    engine, alerting = Engine(bus), Alerting(bus, lambda: max(state.position, handler_state.position))
    recorder_reads = RecorderReads(recorder_state)
    recording_commands = RecordingCommands(bus, state, recorder_state, scripts, config.nats.replicas)
    handler_commands = HandlerCommands(bus, handler_state, alerting, check_handler)
    server = Operations(processes, engine)
    shown = Figures(bus, state, scripts, processes, engine, alerting, config.hostname)
    task_reads = TaskReads(state, scripts, engine, recorder_reads)
    operations = {
        "tasks": tasks.operations(TaskCommands(bus, state, scripts), task_reads),
        "templates": templates.operations(TemplateCommands(bus, state, scripts), TemplateReads(state, scripts)),
        "topics": topics.operations(alerting),
        "handlers": handlers.operations(handler_commands, handler_state),
        "recordings": recordings.operations(recording_commands, recorder_reads),
        "replays": replays.operations(ReplayCommands(bus, state, recorder_state), recorder_reads),
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
