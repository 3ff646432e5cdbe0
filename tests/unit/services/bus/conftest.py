"""Fixtures of the bus's tests: a real server, and connections to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.bus.connection import Bus
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection with the three streams."""
    connection = await Bus.connect(nats_server.url, name="test")
    await connection.ensure_streams()
    yield connection
    await connection.close()
