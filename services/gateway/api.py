"""All that the gateway can do, put together: commands on its folds, what is asked of them, and the routes besides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import chain

from quart import Blueprint

from schemas.config import Config
from services.bus.connection import Bus
from services.gateway.access.passwords import Passwords
from services.gateway.alerting import Alerting
from services.gateway.commands.config import ConfigCommands
from services.gateway.commands.figures import Figures
from services.gateway.commands.handlers import Check, HandlerCommands
from services.gateway.commands.operations import Operations
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.commands.replays import ReplayCommands
from services.gateway.commands.service_tests import ServiceTests
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands
from services.gateway.commands.user_reads import UserReads
from services.gateway.commands.users import UserCommands
from services.gateway.disk import Disk
from services.gateway.engine import Engine
from services.gateway.folds import Folds
from services.gateway.inhibited import Inhibited
from services.gateway.load.applying import Commands
from services.gateway.load.handlers import DeclaredHandlers
from services.gateway.load.loader import Loader
from services.gateway.operation import Operation
from services.gateway.over_http import blueprint
from services.gateway.processes import Processes
from services.gateway.resources import config as config_resource
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
    service_tests,
    sideload,
    storage,
    subscriptions,
    tasks,
    templates,
    topics,
    users,
)
from services.gateway.scripts import Scripts
from services.gateway.writes import ROUTES
from services.store.store import Store


class Api:
    """operations: by resource. loader, server: what SIGHUP has read anew."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        store: Store,
        folds: Folds,
        disk: Disk,
        scripts: Scripts,
        passwords: Passwords,
        processes: Processes,
        check_handler: Check,
        stop: asyncio.Event,
    ) -> None:
        """store: for what the load directory declared. check_handler: whether a topic may be given a handler.

        stop: ends streams that would go on for ever.
        """
        self._config, self._bus, self._processes, self._stop = config, bus, processes, stop
        engine = Engine(bus)
        task_commands = TaskCommands(bus, folds.tasks, scripts, disk, config.alert.deleted_tasks)
        template_commands = TemplateCommands(bus, folds.tasks, scripts, disk)
        alerting = Alerting(bus, lambda: max(fold.position for fold in (folds.tasks, folds.handlers, folds.config)))
        handler_commands = HandlerCommands(bus, folds.handlers, alerting, check_handler, disk)
        declared: Mapping[str, Commands] = {
            "task": task_commands,
            "template": template_commands,
            "handler": DeclaredHandlers(handler_commands),
        }
        self.loader = Loader(config, bus, store, disk, folds.tasks, scripts, task_commands, template_commands, declared)
        self.server = Operations(processes, engine)
        self._recordings = RecordingCommands(bus, folds.tasks, folds.recorder, scripts, config.nats.replicas, disk)
        self._recorder_reads = RecorderReads(folds.recorder)
        inhibited = Inhibited(alerting, folds.tasks, scripts)
        self._figures = Figures(
            bus,
            folds.tasks,
            scripts,
            processes,
            engine,
            alerting,
            inhibited,
            config.hostname,
            config.nats.replicas,
            lambda: self.loader.errors,
        )
        task_reads = TaskReads(folds.tasks, scripts, engine, self._recorder_reads, inhibited)
        self.operations: Mapping[str, list[Operation]] = {
            "tasks": tasks.operations(task_commands, task_reads),
            "templates": templates.operations(template_commands, TemplateReads(folds.tasks, scripts)),
            "topics": topics.operations(alerting),
            "handlers": handlers.operations(handler_commands, folds.handlers),
            "recordings": recordings.operations(self._recordings, self._recorder_reads),
            "replays": replays.operations(ReplayCommands(bus, folds.tasks, folds.recorder, disk), self._recorder_reads),
            "users": users.operations(UserCommands(bus, folds.users, passwords, disk), UserReads(folds.users)),
            "config": config_resource.operations(ConfigCommands(bus, folds.config, alerting, disk)),
            "service_tests": service_tests.operations(ServiceTests(alerting)),
            "load": load.operations(self.loader),
            "loglevel": loglevel.operations(self.server),
            "sideload": sideload.operations(self.server),
            "subscriptions": subscriptions.operations(),
            "storage": storage.operations(self.server),
            "figures": figures.operations(self._figures),
        }

    def all_operations(self) -> list[Operation]:
        """The operations of all resources."""
        return list(chain.from_iterable(self.operations.values()))

    def blueprints(self) -> list[Blueprint]:
        """All routes: those of the operations, and those whose bodies are no JSON."""
        return [
            *(blueprint(name, its) for name, its in self.operations.items()),
            ping.blueprint(),
            routes.blueprint(),
            recordings.files(self._recordings, self._recorder_reads),
            logs.blueprint(self._processes, self._stop),
            storage.backup(self._bus, self._config.data_dir, self._config.storage.keep_free),
            figures.metrics(self._figures),
            pprof.blueprint(self._processes),
            documents.blueprint(self.all_operations(), ROUTES),
        ]
