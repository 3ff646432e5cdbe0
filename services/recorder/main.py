"""The recorder's process."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.config import Config
from services.bus.claims import TTL_SECONDS
from services.bus.connection import Bus
from services.bus.link import Credentials
from services.bus.streams import EVENTS, StreamLimits
from services.engine.main import surroundings
from services.engine.nodes import classes, registry
from services.engine.outbox import Outbox
from services.engine.posting import PostEndpoint
from services.engine.scripts import ParsedScripts
from services.engine.udf.functions import Functions
from services.pipeline.spec import HandlerSpec
from services.recorder.archive import BUCKET as ARCHIVE
from services.recorder.service import CLAIMS, Recorder
from services.recorder.workshop import Workshop
from services.store.effective import Effective
from services.store.store import Store

_SCHEMA, _VERSION = "recorder", 2


async def main(
    config: Config,
    ready: Callable[[], None],
    stop: asyncio.Event,
    handlers: Mapping[str, HandlerSpec],
    describe_handlers: Callable[[Any], list[dict[str, Any]]],
    post_endpoints: Mapping[str, PostEndpoint],
    effective: Effective | None = None,
) -> None:
    """Make recordings and run replays until `stop` is set; `ready` is called once it takes part.

    The parameters are those of services.engine.main: replays run tasks as workers do. Raises BusUnavailable where NATS
    cannot be reached, StoreError where the store cannot be opened.
    """
    effective = effective or Effective(config)
    nats = config.nats
    name = f"recorder-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    credentials = Credentials(nats.username or None, nats.password or None)
    async with await Bus.connect(nats.url, "recorder", credentials) as bus:
        await bus.ensure_streams(
            StreamLimits(nats.write_max_age, nats.write_max_bytes, nats.replicas),
            StreamLimits(replicas=nats.replicas),
            StreamLimits(nats.alert_max_age, nats.alert_max_bytes, nats.replicas),
        )
        path = config.data_dir / "recorder" / "recorder.lmdb"
        async with Functions(config.udf.functions) as functions:
            with Store.open(path, _SCHEMA, _VERSION, durable=False) as store:
                outbox = Outbox(bus)
                shop = Workshop(
                    await bus.objects(ARCHIVE, nats.replicas),
                    outbox,
                    registry(handlers, functions),
                    classes(),
                    replace(await surroundings(config, "recorder", bus, effective), post_endpoints=post_endpoints),
                    ParsedScripts(store).parsed,
                    describe_handlers,
                    bus.max_payload,
                    config.replay.patience,
                )
                claims = await bus.bucket(CLAIMS, ttl=TTL_SECONDS, replicas=nats.replicas)
                try:
                    async with Recorder(bus, store, claims, shop, name, effective) as recorder:
                        # the server has taken the subscriptions once it answers something that was asked after them
                        await bus.last_sequence(EVENTS)
                        ready()
                        await _until(stop, recorder)
                finally:
                    await outbox.close()


async def _until(stop: asyncio.Event, recorder: Recorder) -> None:
    """Wait until `stop` is set; what the recorder cannot survive is raised."""
    stopping, failing = asyncio.create_task(stop.wait()), asyncio.create_task(recorder.failed())
    try:
        await asyncio.wait([stopping, failing], return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
    finally:
        for task in (stopping, failing):
            task.cancel()
        await asyncio.wait([stopping, failing])
