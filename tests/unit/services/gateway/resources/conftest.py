"""What several resources are tested with: a real alerting, and this process as one of the server's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.config import Config, Nats
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.cli.diagnostics.agent import DiagnosticsAgent
from services.process import log
from tests.support.nats import NatsServer


@pytest.fixture
async def agent(nats_server: NatsServer) -> AsyncIterator[None]:
    """This process, answering as the one of a service."""
    async with DiagnosticsAgent("standin", Config(nats=Nats(url=nats_server.url))):
        yield
    log.set_level("INFO")


@pytest.fixture
async def alerting(bus: Bus, tmp_path: Path) -> AsyncIterator[Alerting]:
    """The real alerting service."""
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        responders = AlertingResponders(bus, service)
        await service.log.caught_up()  # by then NATS knows who answers
        yield service
        responders.stop()
