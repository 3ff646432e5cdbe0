"""The alerting service's process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from schemas.config import Config
from services.alerting.asks import Asks
from services.alerting.dispatch import Limits
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.link import Credentials
from services.bus.streams import ALERTS, StreamLimits
from services.store.effective import Effective


async def main(config: Config, ready: Callable[[], None], stop: asyncio.Event, effective: Effective) -> None:
    """Fold and handle alerts until `stop` is set; `ready` is called once it has caught up with the log.

    Raises BusUnavailable where NATS cannot be reached, StoreError where the store cannot be opened.
    """
    nats = config.nats
    credentials = Credentials(nats.username or None, nats.password or None)
    async with await Bus.connect(nats.url, "alerting", credentials) as bus:
        await bus.ensure_streams(
            StreamLimits(nats.write_max_age, nats.write_max_bytes, nats.replicas),
            StreamLimits(replicas=nats.replicas),
            StreamLimits(nats.alert_max_age, nats.alert_max_bytes, nats.replicas),
        )
        path = config.data_dir / "alerting" / "alerting.lmdb"
        limits = Limits(retry_for=config.alert.retry_for, timeout=config.alert.timeout)
        async with Alerting(bus, path, effective, limits, replicas=nats.replicas, url=url_of(config)) as alerting:
            asks = Asks(bus, alerting)
            # the server has taken the subscriptions once it answers something that was asked after them
            await bus.last_sequence(ALERTS)
            ready()
            await _until(stop, alerting)
            asks.stop()


def url_of(config: Config) -> str:
    """The URL of the API, for services that link to it."""
    host, _, port = config.http.bind_address.rpartition(":")
    return f"{'https' if config.http.https_enabled else 'http'}://{host or config.hostname}:{port}/kapacitor/v1"


async def _until(stop: asyncio.Event, alerting: Alerting) -> None:
    """Wait for `stop`; what the service cannot survive is raised."""
    stopping, failing = asyncio.create_task(stop.wait()), asyncio.create_task(alerting.failed())
    try:
        await asyncio.wait([stopping, failing], return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
    finally:
        for task in (stopping, failing):
            task.cancel()
        await asyncio.wait([stopping, failing])
