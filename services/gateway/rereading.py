"""What is read anew on SIGHUP: the load directory, and what sideload nodes look up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from services import log as logs
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.load.loader import Loader

_log = logs.get("gateway")


@contextlib.asynccontextmanager
async def rereading(wanted: asyncio.Event, loader: Loader, server: Operations) -> AsyncIterator[None]:
    """Read it whenever `wanted` is set, for as long as this is entered; what is wished meanwhile is done after that."""
    reading = asyncio.create_task(_read(wanted, loader, server))
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def _read(wanted: asyncio.Event, loader: Loader, server: Operations) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        _log.info("reading the load directory and sideload sources anew", load_enabled=loader.enabled)
        loader.ask()
        try:
            await server.reload_sideload()
        except Refusal as refusal:
            _log.error("sideload sources cannot be read anew", err=refusal)
        except Exception as error:
            _log.exception("sideload sources cannot be read anew", error)
