"""What clients of InfluxDB 2.x ask before they write."""

from __future__ import annotations

import asyncio

import httpx

from tests.support.nats import NatsServer


async def test_ping(gateway: httpx.AsyncClient) -> None:
    for answer in (await gateway.get("/ping"), await gateway.head("/ping")):
        assert (answer.status_code, answer.content) == (204, b"")


async def test_it_fails_while_nats_is_away(gateway: httpx.AsyncClient, nats_server: NatsServer) -> None:
    async def health() -> tuple[int, str, str]:
        answer = await gateway.get("/health")
        found = answer.json()
        assert (found["name"], found["checks"]) == ("tickbus", [])
        return answer.status_code, found["status"], found["message"]

    well = (200, "pass", "ready for writes")
    assert await health() == well
    nats_server.stop()
    try:
        async with asyncio.timeout(20):
            while await health() != (503, "fail", "NATS is not connected"):
                await asyncio.sleep(0.02)
    finally:
        nats_server.start()
    async with asyncio.timeout(20):
        while await health() != well:
            await asyncio.sleep(0.02)
