"""What has to be put together above the services: scripts may use the alert handlers that alerting has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from schemas.config import Config
from services.pipeline.spec import HandlerUse


async def gateway(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """The gateway, which checks scripts with all handlers known."""
    from services.alerting.handlers import specs
    from services.gateway.main import main

    await main(config, ready, stop, specs())


async def engine(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """A worker, which tells alerting what handlers a script asks for."""
    from services.alerting.handlers import check, specs, to_json
    from services.engine.main import main

    def described(use: HandlerUse) -> dict[str, Any]:
        check(use, config.sections)
        return to_json(use)

    await main(config, ready, stop, specs(), described)


async def alerting(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """The alerting service."""
    from services.alerting.main import main

    await main(config, ready, stop)
