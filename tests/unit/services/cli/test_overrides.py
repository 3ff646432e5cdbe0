"""The configuration changed over the API of a whole `tickbus serve`: what runs follows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.support.alerts import Sink, sink
from tests.support.serve import serve

API = "/kapacitor/v1"
TASK = {
    "id": "t",
    "type": "stream",
    "dbrps": [{"db": "d", "rp": "r"}],
    "script": "stream|from().measurement('m')|httpPost().endpoint('new')",
    "status": "enabled",
}


async def test_an_endpoint_of_the_api_works_in_scripts_and_under_running_tasks(tmp_path: Path) -> None:
    with serve(tmp_path) as url:
        async with sink() as web, httpx.AsyncClient(base_url=url, timeout=30) as client:
            refused = await client.post(f"{API}/tasks", json={**TASK, "id": "early"})
            assert "endpoint 'new' does not exist" in refused.text
            new = {"add": {"endpoint": "new", "url": f"{web.url}/before"}}
            assert (await client.post(f"{API}/config/httppost", json=new)).status_code == 204
            made = await client.post(f"{API}/tasks", json=TASK)
            assert made.json()["executing"], made.text
            await _written_until(client, web, "/before")
            change = {"set": {"url": f"{web.url}/after"}}
            assert (await client.post(f"{API}/config/httppost/new", json=change)).status_code == 204
            await _written_until(client, web, "/after")
            gone = {"remove": ["new"]}
            assert (await client.post(f"{API}/config/httppost", json=gone)).status_code == 204
            # the task runs on, and its posts fail
            await _written_until_it_fails(client)
            assert (await client.get(f"{API}/tasks/t")).json()["executing"]


async def _written_until(client: httpx.AsyncClient, web: Sink, path: str) -> None:
    """Write points until one is posted to a path: a worker comes to know of a change on its own."""
    async with asyncio.timeout(30):
        while not any(at == path for at, _, _ in web.posts):
            before = len(web.posts)
            assert (await client.post("/write?db=d&rp=r", content="m v=1")).status_code == 204
            await web.came(before + 1)


async def _written_until_it_fails(client: httpx.AsyncClient) -> None:
    """Write points until a post has failed."""
    async with asyncio.timeout(30):
        while True:
            assert (await client.post("/write?db=d&rp=r", content="m v=3")).status_code == 204
            stats = (await client.get(f"{API}/tasks/t")).json()["stats"]["node-stats"]
            if stats["http_post2"]["errors"]:
                return
