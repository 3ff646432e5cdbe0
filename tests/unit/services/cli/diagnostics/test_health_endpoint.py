"""/healthz and /readyz of one process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import httpx
import pytest

from services.cli.diagnostics import health_endpoint
from services.cli.diagnostics.health_endpoint import HealthEndpoint
from services.process.vitals import Vitals


async def test_a_process_tells_that_it_lives_and_whether_it_is_ready() -> None:
    vitals = Vitals("engine")
    with HealthEndpoint("127.0.0.1:0", vitals) as endpoint:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{endpoint.port}") as client:
            alive = await client.get("/healthz")
            assert (alive.status_code, alive.json()) == (200, {"service": "engine", "alive": True})
            early = await client.get("/readyz?verbose=1")
            assert early.status_code == 503 and early.headers["content-type"].startswith("application/json")
            lacks = {"engine": "it has not come up yet"}
            assert early.json() == {"error": "not ready", "service": "engine", "ready": False, "lacks": lacks}
            vitals.serves()
            assert (await client.get("/readyz")).json() == {"service": "engine", "ready": True, "lacks": {}}
            head = await client.head("/readyz")
            assert (head.status_code, head.content) == (200, b"")
            assert (await client.get("/")).status_code == 404
            assert (await client.post("/readyz")).status_code == 501


async def test_an_event_loop_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_endpoint, "_SECONDS", 0.1)
    told: list[httpx.Response] = []
    with HealthEndpoint("127.0.0.1:0", Vitals("engine")) as endpoint:
        asking = threading.Thread(target=lambda: told.append(httpx.get(f"http://127.0.0.1:{endpoint.port}/healthz")))
        asking.start()
        deadline = time.monotonic() + 20
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)  # this is the loop, hanging
        asking.join(20)
    assert told[0].status_code == 503 and not told[0].json()["alive"]


async def test_an_address_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        HealthEndpoint(f"127.0.0.1:{taken.getsockname()[1]}", Vitals("engine"))


async def test_it_ends_with_what_it_stands_for() -> None:
    with HealthEndpoint("127.0.0.1:0", Vitals("engine")) as endpoint:
        port = endpoint.port
    async with asyncio.timeout(10):
        while answers(port):
            await asyncio.sleep(0.02)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
