"""A bus with streams, what stores lines on it, and a target."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.nats import nats_server
from tests.support.targets import TargetServer, target_server
from tests.unit.services.gateway.listeners.conftest import bus, store

__all__ = ["bus", "nats_server", "store"]


@pytest.fixture
async def target() -> AsyncIterator[TargetServer]:
    async with target_server() as served:
        yield served
