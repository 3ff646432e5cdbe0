"""Whether services are ready is told as it is: not without NATS, not once they stop, and again when all is back."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import httpx

from tests.crash.processes import Services

NAMES = ("gateway", "alerting", "recorder", "one")


async def test_no_service_says_that_it_is_ready_while_nats_is_away(tmp_path: Path) -> None:
    environment = {"KAPACITOR_SERVICE_HEALTH_ADDRESS": "127.0.0.1:0"}
    async with Services(tmp_path, environment) as services, httpx.AsyncClient(timeout=10) as client:
        await services.start(*NAMES)
        urls = {name: f"http://127.0.0.1:{port(services, name)}" for name in NAMES}
        await until(client, urls, 200)
        whole = await client.get(f"{services.url}/readyz", params={"all": "true"})
        assert whole.json() == {"service": "gateway", "ready": True, "lacks": {}}
        for freeze in (False, True):
            began = time.monotonic()
            if freeze:
                services.nats.freeze()
            else:
                await asyncio.to_thread(services.nats.stop, True)
            await until(client, urls | {"api": services.url}, 503)
            assert time.monotonic() - began < 10
            for url in urls.values():
                assert (await client.get(f"{url}/healthz")).status_code == 200
            if freeze:
                services.nats.thaw()
            else:
                await asyncio.to_thread(services.nats.start)
            await until(client, urls | {"api": services.url}, 200)
        metrics = {name: (await client.get(f"{url}/metrics")).text for name, url in urls.items()}
        own = {
            "alerting": "tickbus_alerts_total{",
            "recorder": "tickbus_recorder_jobs{",
            "one": "tickbus_worker_tasks{",
        }
        for name, text in metrics.items():
            assert "tickbus_process_resident_bytes{" in text and "\ntickbus_ready{" in text
            assert {of for of, metric in own.items() if metric in text} == ({name} & own.keys())
        await services["one"].kill()
        whole = await client.get(f"{services.url}/readyz", params={"all": "true"})
        assert whole.status_code == 503 and whole.json()["lacks"] == {"engine": "none answers"}
        assert (await client.get(f"{services.url}/readyz")).status_code == 200


def port(services: Services, name: str) -> int:
    (line,) = services[name].logged("health is told")
    found = re.search(r"port=(\d+)", line)
    assert found is not None
    return int(found[1])


async def until(client: httpx.AsyncClient, urls: dict[str, str], status: int) -> None:
    """Wait until all answer so; each is asked again only while it does not."""

    async def one(url: str) -> None:
        while (answer := await client.get(f"{url}/readyz")).status_code != status:
            assert answer.json()["ready"] == (answer.status_code == 200)
            await asyncio.sleep(0.1)

    async with asyncio.timeout(30):
        await asyncio.gather(*map(one, urls.values()))
