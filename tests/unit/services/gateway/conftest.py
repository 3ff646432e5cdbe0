"""A whole gateway on a real nats-server, with a stand-in for the engine worker."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas.config import Auth, Config, ConfigOverride, Http, InfluxDB, Load, Nats
from services.bus.connection import Bus
from services.cli.composition import check_handler
from services.cli.handler_settings import handler_sections
from services.gateway.main import main
from services.store.live_config import LiveConfig
from tests.support.nats import NatsServer, nats_server
from tests.support.ports import free_port
from tests.support.worker import StandInWorker

__all__ = ["nats_server"]

StartGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def start_gateway(nats_server: NatsServer, tmp_path: Path) -> StartGateway:
    """Starts a gateway with its own data directory (`name`), load directory and settings of [http]; gives a client.

    again: has it read the load directory anew. overridable: whether the configuration may be changed over the API.
    influxdb: the clusters.
    """

    @contextlib.asynccontextmanager
    async def start(
        name: str = "data",
        load: Path | None = None,
        again: asyncio.Event | None = None,
        overridable: bool = True,
        influxdb: tuple[InfluxDB, ...] = (),
        **http: object,
    ) -> AsyncIterator[httpx.AsyncClient]:
        address = f"127.0.0.1:{free_port()}"
        nats = Nats(url=nats_server.url, ack_timeout=1.0)
        settings = replace(Http(bind_address=address), **http)  # type: ignore[arg-type]
        directory = Load(enabled=True, dir=str(load)) if load is not None else Load()
        config = Config(
            data_dir=tmp_path / name,
            http=settings,
            auth=Auth(bcrypt_cost=4),
            nats=nats,
            load=directory,
            config_override=ConfigOverride(enabled=overridable),
            influxdb=influxdb or Config().influxdb,
        )
        effective = LiveConfig(config, handler_sections())
        ready, stop = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(main(config, ready.set, stop, dict, check_handler(effective), again, effective))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            running.result()
        try:
            scheme, trusted = ("https", trusting(settings)) if settings.https_enabled else ("http", True)
            async with httpx.AsyncClient(base_url=f"{scheme}://{address}", timeout=20, verify=trusted) as client:
                yield client
        finally:
            stop.set()
            await running

    return start


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection of the test's own, on streams that are there."""
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.fixture
async def worker(bus: Bus, tmp_path: Path) -> AsyncIterator[StandInWorker]:
    """The stand-in for the engine."""
    async with StandInWorker(bus, tmp_path / "worker.lmdb") as worker:
        yield worker


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> AsyncIterator[httpx.AsyncClient]:
    """One gateway's client."""
    async with start_gateway() as client:
        yield client


def trusting(http: Http) -> ssl.SSLContext:
    """What trusts the gateway's certificate and no other."""
    return ssl.create_default_context(cafile=http.https_certificate)
