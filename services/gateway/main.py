"""The gateway's process: the HTTP API on one side, the bus on the other."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

from schemas.config import Config, Http
from schemas.requests.gateway import GATEWAY_WRITES
from services.bus.account.kept import Wishes
from services.bus.account.settings import wishes_of
from services.bus.connection import Bus
from services.bus.errors import ApiError, BusUnavailable
from services.bus.streams import WRITES
from services.bus.subjects import request_subject
from services.gateway.access.access import Access
from services.gateway.access.origins import OriginPolicy, is_loopback
from services.gateway.access.passwords import Passwords
from services.gateway.api import Api
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.clients.processes import Processes
from services.gateway.commands.handlers import Check
from services.gateway.commands.over_bus import finish as finish_commands
from services.gateway.commands.over_bus import serve as serve_commands
from services.gateway.commands.users import UserCommands
from services.gateway.http.app import make_app
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.connections.connection_limit import ConnectionLimit, most_connections
from services.gateway.http.connections.tls import Certificate
from services.gateway.http.dispatcher import RequestDispatcher
from services.gateway.http.server import serve
from services.gateway.http.writing.compiled_check import compile_check
from services.gateway.http.writing.line_store import LineStore
from services.gateway.http.writing.writes import Writes
from services.gateway.listeners.registry import Inputs
from services.gateway.load.reload import reload_on_request
from services.gateway.readmodels.bundle import ReadModels
from services.gateway.readmodels.scripts.cache_warmup import warm_up
from services.gateway.readmodels.scripts.kept_sketches import KeptSketches
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.users import UserReadModel
from services.gateway.scraping.scraping import Scraping
from services.gateway.subscriptions.manager import Subscriptions
from services.gateway.subscriptions.tokens import Tokens
from services.nodes import ConfiguredNodes
from services.nodes.udf_host.functions import UdfFunctions
from services.pipeline.graph import Graph
from services.process import log
from services.process.listening import listen
from services.process.vitals import Vitals
from services.runtime.building.compiling import Compiling, Handlers
from services.runtime.building.script_cache import ParsedScripts
from services.store.live_config import LiveConfig
from services.store.store import Store

_SCHEMA, _VERSION = "gateway", 3
_log = log.get("http")


async def main(
    config: Config,
    ready: Callable[[], None],
    stop: asyncio.Event,
    handlers: Handlers,
    check_handler: Check,
    again: asyncio.Event | None = None,
    effective: LiveConfig | None = None,
    permitted: Callable[[Graph], None] = lambda graph: None,
    vitals: Vitals | None = None,
) -> None:
    """Serve the HTTP API until `stop` is set; `ready` is called once it answers and has loaded its directory.

    handlers: gives the alert handlers that scripts may use. check_handler: whether a topic may be given one. again: set
    whenever what is read from files is to be read anew. effective: the configuration, which follows the log.
    permitted: raises NotPermitted where a task must not do what its graph does. vitals: where it tells what it lacks.
    Raises OSError where the address cannot be had or the certificate cannot be used, BusUnavailable where NATS cannot
    be reached, StoreError where the read models cannot be kept.
    """
    http, nats = config.http, config.nats
    vitals = vitals or Vitals("gateway")
    effective = effective or LiveConfig(config)
    certificate = Certificate(http, config.tls) if http.https_enabled else None
    listener = listen(http.bind_address, shared=http.processes > 1)
    limit = ConnectionLimit(most_connections())
    async with _closed_after(listener), await Bus.for_service(nats, "gateway") as bus:
        await _tell_differences(bus, wishes_of(nats))
        with (
            Store.open(config.data_dir / "gateway" / "gateway.lmdb", _SCHEMA, _VERSION, durable=False) as store,
            Passwords(config.auth.bcrypt_cost, config.auth.cache_expiration) as passwords,
        ):
            async with (
                ReadModels(bus, store, effective) as models,
                UdfFunctions(config.udf.functions) as functions,
                Processes(bus) as processes,
                Compiling(ParsedScripts(store), ConfiguredNodes(config.deadman), handlers, functions) as compiling,
            ):
                scripts = Scripts(compiling, permitted, KeptSketches(store, repr(config.deadman)))
                disk = NatsDisk(config, bus)
                lines = LineStore(config, bus, disk)
                bodies = Bodies(http.max_bodies)
                user_commands = UserCommands(bus, models.users, passwords, disk)
                tokens = Tokens(models.users, user_commands)
                subscriptions = Subscriptions(config, bus, effective, tokens, lines)
                inputs = Inputs(config, lines, bodies)
                scraping = Scraping(config, bus, lines)
                api = Api(
                    config,
                    bus,
                    store,
                    models,
                    disk,
                    scripts,
                    user_commands,
                    processes,
                    check_handler,
                    subscriptions,
                    lambda: [*inputs.statistics(), *scraping.statistics(), *subscriptions.statistics()],
                    stop,
                    vitals,
                )
                _watch(vitals, bus, models, disk, lines)
                dispatcher = RequestDispatcher(
                    make_app(api.blueprints(), http.max_body_size),
                    Writes(config, lines, bodies),
                    http.log_enabled,
                    bodies,
                    _origins(http),
                    _access(config, models.users, passwords),
                )
                certificates = [*([certificate.reload] if certificate else []), inputs.reload]
                async with (
                    api.loader,
                    _beside(
                        reload_on_request(again or asyncio.Event(), certificates, api.loader, api.server),
                        warm_up(models.tasks, scripts),
                        compile_check(config.data_dir / "kernels", lines.packer),
                    ),
                ):
                    responders = serve_commands(bus, api.operations)
                    responders.append(bus.answer(request_subject(*GATEWAY_WRITES.tokens()), _takes_writes))
                    timeout, tls = http.shutdown_timeout, certificate.context if certificate else None
                    finish = _beside(finish_commands(responders, stop, timeout))

                    def loaded() -> None:
                        vitals.serves()
                        ready()

                    async with inputs, scraping, subscriptions, finish as (finishing,):
                        await serve(
                            dispatcher, listener, stop, timeout, lambda: api.loader.when_loaded(loaded), limit, tls
                        )
                        await finishing


async def _tell_differences(bus: Bus, wishes: Wishes) -> None:
    """Say once, at the start, what is kept otherwise than is wanted: nothing that is there is changed unasked."""
    with contextlib.suppress(BusUnavailable, ApiError):
        found = await bus.survey(wishes)
        if found.differences:
            _log.warn("kept on NATS otherwise than [nats] asks, `tickbus streams apply` changes it", what=str(found))


@contextlib.asynccontextmanager
async def _closed_after(listener: socket.socket) -> AsyncIterator[None]:
    """Whatever comes of the start: one that is tried again finds the address free."""
    with listener:
        yield


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Work that is done meanwhile; what is left of it at the end is cancelled."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


def _watch(vitals: Vitals, bus: Bus, models: ReadModels, disk: NatsDisk, lines: LineStore) -> None:
    """What has to be in order for the gateway to be ready."""

    async def takes_writes() -> str:
        return disk.refuses_data(0) or lines.refused_lately

    vitals.check("nats", functools.partial(bus.lacks, WRITES))
    vitals.check("events", models.caught_up)
    vitals.check("writes", takes_writes)


def _origins(http: Http) -> OriginPolicy:
    """Where only this machine is to be served, no name of another may lead here."""
    only_here = is_loopback(http.bind_address) and not http.auth_enabled
    return OriginPolicy(http.cors, http.hosts if only_here else None)


async def _takes_writes(data: bytes, headers: Mapping[str, str]) -> bytes:
    """Whoever asks has learnt that somebody stores what is written."""
    GATEWAY_WRITES.decode_request(data)
    return GATEWAY_WRITES.encode_response({})


def _access(config: Config, users: UserReadModel, passwords: Passwords) -> Access | None:
    """Who says who may do what; None where everybody may do everything."""
    if not config.http.auth_enabled:
        return None
    access = Access(users, passwords, config.http.shared_secret)
    users.on_change(access.forget)
    if not users.names():
        _log.warn("there is no user yet: `tickbus user add NAME --admin` makes the first")
    return access
