"""What is read anew on SIGHUP: the certificate, the load directory, and what sideload nodes look up."""

from __future__ import annotations

import asyncio

from services import log as logs
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.load.loader import Loader
from services.gateway.tls import Certificate

_log = logs.get("gateway")


async def reread(wanted: asyncio.Event, certificate: Certificate | None, loader: Loader, server: Operations) -> None:
    """Read it whenever `wanted` is set, until cancelled. What is set meanwhile is done after that."""
    while True:
        await wanted.wait()
        wanted.clear()
        _log.info("reading files anew", load_enabled=loader.enabled, https_enabled=certificate is not None)
        if certificate is not None:
            certificate.reload()
        loader.ask()
        try:
            await server.reload_sideload()
        except Refusal as refusal:
            _log.error("sideload sources cannot be read anew", err=refusal)
        except Exception as error:
            _log.exception("sideload sources cannot be read anew", error)
