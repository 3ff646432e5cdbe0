"""Whether a gateway lives and is ready."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.http.writing import line_store
from tests.support.nats import NatsServer
from tests.unit.services.gateway.conftest import StartGateway


async def until(gateway: httpx.AsyncClient, status: int, path: str = "/readyz") -> httpx.Response:
    async with asyncio.timeout(20):
        while (answer := await gateway.get(path)).status_code != status:
            await asyncio.sleep(0.05)
    return answer


async def test_a_gateway_that_serves_is_ready_and_says_so_to_everybody(start_gateway: StartGateway) -> None:
    async with start_gateway(auth_enabled=True) as gateway:
        assert (await gateway.get("/metrics")).status_code == 401
        assert (await gateway.get("/healthz")).json() == {"service": "gateway", "alive": True}
        assert (await gateway.get("/readyz")).json() == {"service": "gateway", "ready": True, "lacks": {}}
        for path in ("/healthz", "/readyz"):
            assert (await gateway.head(path)).status_code == 200


async def test_without_nats_it_lives_and_is_not_ready_until_nats_is_there_again(
    gateway: httpx.AsyncClient, nats_server: NatsServer
) -> None:
    await asyncio.to_thread(nats_server.stop)
    try:
        lacks = (await until(gateway, 503)).json()["lacks"]
        assert lacks["nats"] == "not connected"
        assert "$" not in str(lacks), "people read it"
        assert (await gateway.get("/healthz")).status_code == 200
    finally:
        await asyncio.to_thread(nats_server.start)
    assert (await until(gateway, 200)).json()["lacks"] == {}


async def test_a_stream_that_is_gone_is_named(gateway: httpx.AsyncClient, bus: Bus) -> None:
    await bus._link.api(f"STREAM.DELETE.{WRITES}")
    lacks = (await until(gateway, 503)).json()["lacks"]
    assert lacks["nats"] == "the stream WRITES is not there"
    await bus.ensure_streams()


async def test_a_full_disk_makes_it_unready(gateway: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NatsDisk, "refuses_data", lambda self, size: "no room on the disk")
    assert (await until(gateway, 503)).json()["lacks"] == {"writes": "no room on the disk"}


async def test_a_write_that_was_not_stored_makes_it_unready_for_a_while(
    gateway: httpx.AsyncClient, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_store, "_LATELY_SECONDS", 60.0)
    line = {"params": {"db": "db", "rp": "rp"}, "content": "m v=1"}
    await asyncio.to_thread(nats_server.stop)
    try:
        assert (await gateway.post("/write", **line)).status_code == 503
    finally:
        await asyncio.to_thread(nats_server.start)
    async with asyncio.timeout(20):
        while "nats" in (lacks := (await gateway.get("/readyz")).json()["lacks"]):
            await asyncio.sleep(0.05)
    assert lacks["writes"].startswith("not acknowledged: ")
    async with asyncio.timeout(20):
        while (await gateway.post("/write", **line)).status_code != 204:
            await asyncio.sleep(0.05)
    assert (await until(gateway, 200)).json()["ready"]


async def test_all_tells_of_the_other_services_too(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/readyz", params={"all": "true"})
    assert answer.status_code == 503
    assert answer.json()["lacks"] == dict.fromkeys(("engine", "alerting", "recorder"), "none answers")
