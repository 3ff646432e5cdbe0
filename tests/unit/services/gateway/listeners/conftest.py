"""A bus with streams, and what stores lines on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.config import Config, Nats
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.http.writing.line_store import LineStore
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.fixture
def store(bus: Bus, tmp_path: Path) -> LineStore:
    config = Config(data_dir=tmp_path, nats=Nats(ack_timeout=1.0), default_retention_policy="autogen")
    return LineStore(config, bus, NatsDisk(config, bus))
