"""Without an InfluxDB to subscribe to; with one see ../subscriptions."""

from __future__ import annotations

import httpx

from services.bus.connection import Bus
from services.bus.streams import EVENTS

V1 = "/kapacitor/v1"


async def test_synchronising_is_taken_and_changes_nothing(gateway: httpx.AsyncClient, bus: Bus) -> None:
    before = (await bus.stream_state(EVENTS)).last_seq
    answer = await gateway.post(f"{V1}/subscriptions")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await bus.stream_state(EVENTS)).last_seq == before
