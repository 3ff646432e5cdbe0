"""A gateway and a recorder in this process, on a real nats-server. No task runs live here: there is no engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.config import Config, Http, Nats, Replay
from services.alerting.handlers import specs
from services.bus.connection import Bus
from services.cli.composition import check_handler, describe_handlers
from services.gateway.main import main as gateway_main
from services.recorder.main import main as recorder_main
from services.store.live_config import LiveConfig
from tests.support.nats import NatsServer, nats_server
from tests.support.ports import free_port

__all__ = ["nats_server"]

StartRecorder = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.fixture
def config(nats_server: NatsServer, tmp_path: Path) -> Config:
    address = f"127.0.0.1:{free_port()}"
    nats = Nats(url=nats_server.url, ack_timeout=1.0)
    # no alerting is there to be waited for
    return Config(data_dir=tmp_path, http=Http(bind_address=address), nats=nats, replay=Replay(patience=0.0))


@pytest.fixture
def start_recorder(config: Config) -> StartRecorder:
    return lambda: process(
        lambda ready, stop: recorder_main(config, ready, stop, specs, describe_handlers(LiveConfig(config)), {})
    )


@pytest.fixture
async def api(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway's client, without a recorder."""
    async with (
        process(lambda ready, stop: gateway_main(config, ready, stop, specs, check_handler(LiveConfig(config)))),
        httpx.AsyncClient(base_url=f"http://{config.http.bind_address}/kapacitor/v1", timeout=20) as client,
    ):
        yield client


@pytest.fixture
async def recorder(start_recorder: StartRecorder) -> AsyncIterator[None]:
    async with start_recorder():
        yield


@contextlib.asynccontextmanager
async def process(
    main: Callable[[Callable[[], None], asyncio.Event], Coroutine[Any, Any, None]],
) -> AsyncIterator[None]:
    """A service's main, from when it is ready until it has stopped."""
    ready, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(main(ready.set, stop))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        running.result()
    try:
        yield
    finally:
        stop.set()
        await running
