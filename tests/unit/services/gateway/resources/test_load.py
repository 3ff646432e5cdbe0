"""The load directory over the API."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.unit.services.gateway.conftest import StartGateway

V1 = "/kapacitor/v1"


async def test_without_a_load_directory_there_is_nothing_to_load(gateway: httpx.AsyncClient) -> None:
    for answer in (await gateway.get(f"{V1}/load"), await gateway.post(f"{V1}/load")):
        assert answer.status_code == 404
        assert answer.json() == {"error": "the load directory is not enabled, see [load] of the configuration"}


async def test_a_load_is_told_of_and_can_be_looked_up(start_gateway: StartGateway, tmp_path: Path) -> None:
    directory = tmp_path / "load"
    (directory / "tasks").mkdir(parents=True)
    (directory / "tasks" / "wrong.tick").write_text('dbrp "db"."rp"\nstream|nothing()\n')
    async with start_gateway(load=directory) as gateway:
        told = (await gateway.post(f"{V1}/load")).json()
        (error,) = told["complaints"]
        assert error["file"] == "tasks/wrong.tick" and error["line"] == 2
        assert (await gateway.get(f"{V1}/load")).json() == told
