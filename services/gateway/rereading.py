"""What is read anew on SIGHUP: the load directory, and what sideload nodes look up."""

from __future__ import annotations

import asyncio

from services import log as logs
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.load.loader import Loader

_log = logs.get("gateway")


async def reread(wanted: asyncio.Event, loader: Loader, server: Operations) -> None:
    """Read it whenever `wanted` is set, until cancelled. What is set meanwhile is done after that."""
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
