"""The gateway's process: the HTTP API on one side, the bus on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from schemas.config import Config, Http
from services import log
from services.bus.connection import Bus
from services.bus.link import Credentials
from services.bus.streams import StreamLimits
from services.bus.subjects import ask_subject
from services.engine.nodes import registry
from services.engine.scripts import ParsedScripts
from services.engine.udf.functions import Functions
from services.gateway.access.origins import Origins, is_loopback
from services.gateway.access.passwords import Passwords
from services.gateway.api import Api
from services.gateway.app import make_app
from services.gateway.bodies import Bodies
from services.gateway.commands.handlers import Check
from services.gateway.connection_limit import ConnectionLimit, most_connections
from services.gateway.disk import Disk
from services.gateway.entry import Entry
from services.gateway.folds import Folds
from services.gateway.over_bus import finish as finish_commands
from services.gateway.over_bus import serve as serve_commands
from services.gateway.processes import Processes
from services.gateway.rereading import reread
from services.gateway.scripts import Scripts
from services.gateway.server import listen, serve
from services.gateway.tls import Certificate
from services.gateway.user_state import UserState
from services.gateway.writes import Writes
from services.pipeline.spec import HandlerSpec
from services.store.effective import Effective
from services.store.store import Store

if TYPE_CHECKING:
    from services.gateway.access.access import Access

_SCHEMA, _VERSION = "gateway", 2
_log = log.get("http")


async def main(
    config: Config,
    ready: Callable[[], None],
    stop: asyncio.Event,
    handlers: Mapping[str, HandlerSpec],
    check_handler: Check,
    again: asyncio.Event | None = None,
    effective: Effective | None = None,
) -> None:
    """Serve the HTTP API until `stop` is set; `ready` is called once it answers and has loaded its directory.

    handlers: the alert handlers that scripts may use. check_handler: whether a topic may be given one. again: set
    whenever what is read from files is to be read anew. effective: the configuration, which follows the log.
    Raises OSError where the address cannot be had or the certificate cannot be used, BusUnavailable where NATS cannot
    be reached, StoreError where the folds cannot be kept.
    """
    http, nats = config.http, config.nats
    certificate = Certificate(http, config.tls) if http.https_enabled else None
    listener = listen(http.bind_address)
    limit = ConnectionLimit(most_connections())
    credentials = Credentials(nats.username or None, nats.password or None)
    async with await Bus.connect(nats.url, "gateway", credentials) as bus:
        await bus.ensure_streams(
            StreamLimits(nats.write_max_age, nats.write_max_bytes, nats.replicas),
            StreamLimits(replicas=nats.replicas),
            StreamLimits(nats.alert_max_age, nats.alert_max_bytes, nats.replicas),
        )
        with (
            Store.open(config.data_dir / "gateway" / "gateway.lmdb", _SCHEMA, _VERSION, durable=False) as store,
            Passwords(config.auth.bcrypt_cost, config.auth.cache_expiration) as passwords,
        ):
            async with (
                Folds(bus, store, effective or Effective(config)) as folds,
                Functions(config.udf.functions) as functions,
                Processes(bus) as processes,
            ):
                scripts = Scripts(registry(handlers, functions), ParsedScripts(store).parsed)
                disk = Disk(config, bus)
                api = Api(config, bus, store, folds, disk, scripts, passwords, processes, check_handler, stop)
                app = make_app(api.blueprints(), http.max_body_size)
                access = _access(config, folds.users, passwords)
                bodies = Bodies(http.max_bodies)
                entry = Entry(app, Writes(config, bus, disk, bodies), http.log_enabled, bodies, _origins(http), access)
                async with api.loader:
                    rereading = asyncio.create_task(
                        reread(again or asyncio.Event(), certificate, api.loader, api.server)
                    )
                    answering = serve_commands(bus, api.all_operations())
                    answering.append(bus.answer(ask_subject("gateway", "writes"), _takes_writes))
                    tls = certificate.context if certificate else None
                    timeout = http.shutdown_timeout
                    finishing = asyncio.create_task(finish_commands(answering, stop, timeout))
                    try:
                        await serve(entry, listener, stop, timeout, lambda: api.loader.when_loaded(ready), limit, tls)
                        await finishing
                    finally:
                        finishing.cancel()
                        rereading.cancel()


def _origins(http: Http) -> Origins:
    """Where only this machine is to be served, no name of another may lead here."""
    only_here = is_loopback(http.bind_address) and not http.auth_enabled
    return Origins(http.cors, http.hosts if only_here else None)


async def _takes_writes(data: bytes, headers: Mapping[str, str]) -> bytes:
    """Whoever asks has learnt that somebody stores what is written."""
    return b"{}"


def _access(config: Config, users: UserState, passwords: Passwords) -> Access | None:
    """Who says who may do what; None where everybody may do everything."""
    if not config.http.auth_enabled:
        return None
    # Not above: without authentication a gateway starts without the libraries behind it.
    from services.gateway.access.access import Access

    access = Access(users, passwords, config.http.shared_secret)
    users.on_change(access.forget)
    if not users.names():
        _log.warn("there is no user yet: `tickbus user add NAME --admin` makes the first")
    return access
