"""The gateway's process: the HTTP API on one side, the bus on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.link import Credentials
from services.bus.streams import StreamLimits
from services.engine.nodes import registry
from services.engine.scripts import ParsedScripts
from services.engine.udf.functions import Functions
from services.gateway.alerting import Alerting
from services.gateway.app import make_app
from services.gateway.commands.served import serve_commands, task_verbs, template_verbs
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands
from services.gateway.engine import Engine
from services.gateway.entry import Entry
from services.gateway.resources import ping, tasks, templates, topics
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
            async with TaskState(bus, store) as state, Functions(config.udf.functions) as functions:
                scripts = Scripts(registry(handlers, functions), ParsedScripts(store).parsed)
                reads = TaskReads(state, scripts, Engine(bus))
                commands = TaskCommands(bus, state, scripts)
                template_reads = TemplateReads(state, scripts)
                template_commands = TemplateCommands(bus, state, scripts)
                alerting = Alerting(bus, lambda: state.position)
                resources = [
                    ping.blueprint(),
                    tasks.blueprint(commands, reads),
                    templates.blueprint(template_commands, template_reads),
                    topics.blueprint(alerting),
                ]
                app = make_app(resources, config.http.max_body_size)
                entry = Entry(app, Writes(config, bus), config.http.log_enabled)
                verbs = {
                    "task": task_verbs(commands, reads),
                    "template": template_verbs(template_commands, template_reads),
                }
                answering = serve_commands(bus, verbs)
                await serve(entry, listener, stop, config.http.shutdown_timeout, ready)
                for one in answering:
                    one.stop()
