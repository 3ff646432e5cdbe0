"""The alerting service's process."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from schemas.config import Config
from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.delivery.sharing import Participation
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.account.settings import wishes_of
from services.bus.connection import Bus
from services.bus.streams import ALERTS
from services.process.metrics.shown import add_whole_alerting
from services.process.vitals import Vitals
from services.store.live_config import LiveConfig


async def main(
    config: Config, ready: Callable[[], None], stop: asyncio.Event, effective: LiveConfig, vitals: Vitals | None = None
) -> None:
    """Fold and handle alerts until `stop` is set; `ready` is called once it has caught up with the log.

    Raises BusUnavailable where NATS cannot be reached, StoreError where the store cannot be opened.
    """
    nats = config.nats
    vitals = vitals or Vitals("alerting")
    async with await Bus.for_service(nats, "alerting") as bus:
        await bus.ensure_notices(wishes_of(nats))
        path = config.data_dir / "alerting" / "alerting.lmdb"
        limits = DeliveryLimits(retry_for=config.alert.retry_for, timeout=config.alert.timeout)
        membership = Participation(config.alert.id, config.alert.lease_ttl, config.alert.heartbeat)
        url = url_of(config)
        publish = config.alert.publish
        async with Alerting(bus, path, effective, limits, nats.replicas, url, membership, publish) as alerting:
            responders = AlertingResponders(bus, alerting)
            # the server has taken the subscriptions once it answers something that was asked after them
            await bus.last_sequence(ALERTS)
            vitals.check("nats", functools.partial(bus.lacks, ALERTS))
            vitals.check("alerts", alerting.caught_up)
            vitals.shows(add_whole_alerting, alerting.figures)
            vitals.serves()
            ready()
            await _until(stop, alerting)
            responders.stop()


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
