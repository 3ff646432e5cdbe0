"""This process as one of the server's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from schemas.config import Config, Nats
from services.cli.diagnostics.agent import DiagnosticsAgent
from services.process import log
from tests.support.nats import NatsServer


@pytest.fixture
async def agent(nats_server: NatsServer) -> AsyncIterator[None]:
    """This process, answering as the one of a service."""
    async with DiagnosticsAgent("standin", Config(nats=Nats(url=nats_server.url))):
        yield
    log.set_level("INFO")
