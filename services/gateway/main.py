"""The gateway's process: the HTTP API on one side, the bus on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

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
from services.gateway.commands.operations import Operations
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.commands.replays import ReplayCommands
from services.gateway.commands.served import (
    Command,
    operation_verbs,
    recording_verbs,
    replay_verbs,
    serve_commands,
    task_verbs,
    template_verbs,
)
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands
from services.gateway.disk import Disk
from services.gateway.engine import Engine
from services.gateway.entry import Entry
from services.gateway.processes import Processes
from services.gateway.recorder_state import RecorderState
from services.gateway.resources import figures as figures_resource
from services.gateway.resources import (
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
from services.gateway.writes import Writes
from services.pipeline.spec import HandlerSpec
from services.store.store import Store

_SCHEMA, _VERSION = "gateway", 2


async def main(
    config: Config, ready: Callable[[], None], stop: asyncio.Event, handlers: Mapping[str, HandlerSpec]
) -> None:
    """Serve the HTTP API until `stop` is set; `ready` is called once it answers.

    handlers: the alert handlers that scripts may use. Raises OSError where the address cannot be had, BusUnavailable
    where NATS cannot be reached, StoreError where the fold cannot be kept.
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
                Functions(config.udf.functions) as functions,
            ):
                scripts = Scripts(registry(handlers, functions), ParsedScripts(store).parsed)
                async with Processes(bus) as processes:
                    disk = Disk(config, bus)
                    resources, verbs = _api(config, bus, disk, state, recorder_state, scripts, processes, stop)
                    app = make_app(resources, config.http.max_body_size)
                    entry = Entry(app, Writes(config, bus, disk), config.http.log_enabled)
                    answering = serve_commands(bus, verbs)
                    await serve(entry, listener, stop, config.http.shutdown_timeout, ready)
                    for one in answering:
                        one.stop()


def _api(
    config: Config,
    bus: Bus,
    disk: Disk,
    state: TaskState,
    recorder_state: RecorderState,
    scripts: Scripts,
    processes: Processes,
    stop: asyncio.Event,
) -> tuple[list[Blueprint], Mapping[str, Mapping[str, Command]]]:
    """The resources over HTTP, and the commands over the bus, by kind and verb."""
    engine, alerting = Engine(bus), Alerting(bus, lambda: state.position)
    recorder_reads = RecorderReads(recorder_state)
    recording_commands = RecordingCommands(bus, state, recorder_state, scripts, config.nats.replicas, disk)
    replay_commands = ReplayCommands(bus, state, recorder_state, disk)
    task_commands, task_reads = (
        TaskCommands(bus, state, scripts, disk),
        TaskReads(state, scripts, engine, recorder_reads),
    )
    template_commands, template_reads = TemplateCommands(bus, state, scripts, disk), TemplateReads(state, scripts)
    operations = Operations(processes, engine)
    figures = Figures(bus, state, scripts, processes, engine, alerting, config.hostname)
    resources = [
        ping.blueprint(),
        routes.blueprint(),
        tasks.blueprint(task_commands, task_reads),
        templates.blueprint(template_commands, template_reads),
        topics.blueprint(alerting),
        recordings.blueprint(recording_commands, recorder_reads),
        replays.blueprint(replay_commands, recorder_reads),
        loglevel.blueprint(operations),
        logs.blueprint(processes, stop),
        sideload.blueprint(operations),
        subscriptions.blueprint(),
        storage.blueprint(operations, bus),
        figures_resource.blueprint(figures),
        pprof.blueprint(processes),
    ]
    verbs = {
        "task": task_verbs(task_commands, task_reads),
        "template": template_verbs(template_commands, template_reads),
        "recording": recording_verbs(recording_commands, recorder_reads),
        "replay": replay_verbs(replay_commands, recorder_reads),
        **operation_verbs(operations, figures),
    }
    return resources, verbs
