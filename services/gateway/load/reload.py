"""What is read anew on SIGHUP: certificates, the load directory, and what sideload nodes look up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from services.gateway.commands.server import ServerCommands
from services.gateway.load.loader import Loader
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs

_log = logs.get("gateway")


async def reload_on_request(
    wanted: asyncio.Event, certificates: Sequence[Callable[[], None]], loader: Loader, server: ServerCommands
) -> None:
    """Read it whenever `wanted` is set, until cancelled. What is set meanwhile is done after that.

    certificates: reads one again each.
    """
    while True:
        await wanted.wait()
        wanted.clear()
        _log.info("reading files anew", load_enabled=loader.enabled)
        for reload_certificate in certificates:
            reload_certificate()
        loader.request()
        try:
            await server.reload_sideload()
        except OperationError as refusal:
            _log.error("sideload sources cannot be read anew", err=refusal)
        except Exception as error:
            _log.exception("sideload sources cannot be read anew", error)
