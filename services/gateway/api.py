"""All that the gateway can do, put together: commands, queries, and the routes besides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from quart import Blueprint

from schemas.config import Config
from services.bus.connection import Bus
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.heartbeats import LivingWorkers
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.clients.processes import Processes
from services.gateway.clients.recorder import RecorderClient
from services.gateway.clients.taps import TapClient
from services.gateway.commands.alert_states import AlertStateCommands
from services.gateway.commands.config import ConfigCommands
from services.gateway.commands.handlers import Check, HandlerCommands
from services.gateway.commands.oncall.acknowledgements import AcknowledgementCommands
from services.gateway.commands.oncall.comments import CommentCommands
from services.gateway.commands.oncall.flapping import FlappingCommands
from services.gateway.commands.oncall.mutes import MuteCommands
from services.gateway.commands.oncall.silences import SilenceCommands
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.commands.replays import ReplayCommands
from services.gateway.commands.server import ServerCommands
from services.gateway.commands.service_tests import ServiceTests
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.templates import TemplateCommands
from services.gateway.commands.users import UserCommands
from services.gateway.http.writing.writes import ROUTES
from services.gateway.inspections import backtests as backtest_requests
from services.gateway.inspections import traces as trace_requests
from services.gateway.inspections.commands import InspectionCommands
from services.gateway.inspections.queries import InspectionQueries
from services.gateway.live.live import Live
from services.gateway.load.applying import Commands
from services.gateway.load.handlers import DeclaredHandlers
from services.gateway.load.loader import Loader
from services.gateway.queries.inhibited import Inhibited
from services.gateway.queries.metrics.collector import Collector
from services.gateway.queries.metrics.debug_vars import DebugVars, Statistic
from services.gateway.queries.metrics.prometheus import PrometheusMetrics
from services.gateway.queries.recording_export import RecordingExport
from services.gateway.queries.recordings import RecordingQueries
from services.gateway.queries.reference import Reference
from services.gateway.queries.tasks import TaskQueries
from services.gateway.queries.templates import TemplateQueries
from services.gateway.queries.users import UserQueries
from services.gateway.readmodels.bundle import ReadModels
from services.gateway.readmodels.looking_again import looking_again
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.resources import (
    acknowledgements,
    alert_history,
    alert_report,
    alert_states,
    backtests,
    comments,
    console,
    deliveries,
    handlers,
    health,
    history,
    lint,
    live,
    load,
    loglevel,
    logs,
    metrics,
    mutes,
    nodes,
    openapi,
    ping,
    pprof,
    readiness,
    recordings,
    replays,
    routes,
    service_tests,
    sideload,
    silences,
    storage,
    subscriptions,
    tap,
    tasks,
    templates,
    topics,
    traces,
    users,
    why,
)
from services.gateway.resources import config as config_resource
from services.gateway.subscriptions.manager import Subscriptions
from services.process.vitals import Vitals
from services.store.store import Store


class Api:
    """All resources, and the operations of all of them. loader, server: what SIGHUP has read anew."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        store: Store,
        models: ReadModels,
        disk: NatsDisk,
        scripts: Scripts,
        user_commands: UserCommands,
        processes: Processes,
        check_handler: Check,
        subscriptions_kept: Subscriptions,
        inputs: Callable[[], Sequence[Statistic]],
        stop: asyncio.Event,
        vitals: Vitals,
    ) -> None:
        """store: for what the load directory declared. check_handler: whether a topic may be given a handler.

        subscriptions_kept: those in InfluxDB.
        inputs: what this gateway's inputs beside HTTP have counted.
        stop: ends streams that would go on for ever. vitals: of this process.
        """
        engine = EngineClient(bus)
        task_commands = TaskCommands(bus, models.tasks, scripts, disk, config.alert.deleted_tasks)
        template_commands = TemplateCommands(bus, models.tasks, scripts, disk)
        alerting = AlertingClient(
            bus,
            lambda: max(
                model.position
                for model in (models.tasks, models.handlers, models.silences, models.oncall, models.config)
            ),
        )
        handler_commands = HandlerCommands(bus, models.handlers, alerting, check_handler, disk)
        declared: Mapping[str, Commands] = {
            "task": task_commands,
            "template": template_commands,
            "handler": DeclaredHandlers(handler_commands),
        }
        self.loader = Loader(
            config, bus, store, disk, models.tasks, scripts, task_commands, template_commands, declared
        )
        self.server = ServerCommands(processes, engine)
        recorder = RecorderClient(bus)
        recording_commands = RecordingCommands(
            bus, models.tasks, models.recordings, scripts, config.nats.replicas, disk, config.storage.max_import
        )
        recording_queries = RecordingQueries(models.recordings, recorder)
        replay_commands = ReplayCommands(bus, models.tasks, models.recordings, disk)
        trace_commands = InspectionCommands(bus, models.recordings, "trace", disk)
        backtest_commands = InspectionCommands(bus, models.recordings, "backtest", disk)
        inhibited = Inhibited(alerting, models.tasks, scripts)
        task_queries = TaskQueries(models.tasks, scripts, engine, recording_queries, inhibited)
        living = LivingWorkers(bus, config.nats.replicas, config.engine.lease_ttl)
        collector = Collector(
            bus,
            processes,
            engine,
            alerting,
            inhibited,
            subscriptions_kept.records,
            config.nats.replicas,
            living,
        )
        debug_vars = DebugVars(collector, models.tasks, scripts, config.hostname, lambda: self.loader.errors, inputs)
        prometheus = PrometheusMetrics(collector, models.tasks, lambda: self.loader.errors, inputs)
        reference = Reference(scripts.compiling)
        found = [
            tasks.resource(task_commands, task_queries),
            templates.resource(template_commands, TemplateQueries(models.tasks, scripts)),
            topics.resource(alerting, FlappingCommands(bus, models.oncall, alerting, disk)),
            acknowledgements.resource(AcknowledgementCommands(bus, alerting, disk)),
            comments.resource(CommentCommands(bus, alerting, disk), alerting),
            deliveries.resource(alerting, processes),
            alert_history.resource(alerting),
            alert_report.resource(alerting),
            alert_states.resource(AlertStateCommands(bus, alerting, disk)),
            handlers.resource(handler_commands, models.handlers),
            silences.resource(SilenceCommands(bus, models.silences, alerting, disk), models.silences),
            mutes.resource(MuteCommands(bus, models.oncall, alerting, disk), models.oncall),
            recordings.resource(recording_commands, recording_queries, RecordingExport(models.recordings, recorder)),
            replays.resource(replay_commands, recording_queries),
            traces.resource(
                trace_requests.TraceRequests(bus, models.tasks, scripts, trace_commands),
                trace_commands,
                InspectionQueries(models.recordings, recorder, "trace", trace_requests.SHOWN),
            ),
            backtests.resource(
                backtest_requests.BacktestRequests(bus, models.tasks, task_commands, backtest_commands),
                backtest_commands,
                InspectionQueries(models.recordings, recorder, "backtest", backtest_requests.SHOWN),
            ),
            tap.resource(TapClient(bus, models.tasks.why_over, models.tasks.run), engine, models.tasks, stop),
            why.resource(recorder),
            history.resource(recorder),
            users.resource(user_commands, UserQueries(models.users)),
            config_resource.resource(ConfigCommands(bus, models.config, alerting, disk)),
            service_tests.resource(ServiceTests(alerting)),
            load.resource(self.loader),
            loglevel.resource(self.server),
            sideload.resource(self.server),
            subscriptions.resource(subscriptions_kept),
            storage.resource(self.server, bus, config.data_dir, config.storage.keep_free),
            metrics.resource(debug_vars, prometheus),
            console.resource(),
            nodes.resource(reference),
            lint.resource(reference),
            ping.resource(),
            health.resource(bus, disk),
            readiness.resource(vitals, processes),
            routes.resource(),
            logs.resource(processes, stop),
            live.resource(Live(bus, processes, engine, alerting, models, scripts, living), stop),
            pprof.resource(processes),
        ]
        found = [
            replace(
                one, operations=[looking_again(operation, models.of(operation.kind)) for operation in one.operations]
            )
            for one in found
        ]
        self.operations = [operation for one in found for operation in one.operations]
        self.resources = [*found, openapi.resource(self.operations, ROUTES, bus.names.stored)]

    def blueprints(self) -> list[Blueprint]:
        """All routes."""
        return [routes for one in self.resources for routes in one.blueprints()]
