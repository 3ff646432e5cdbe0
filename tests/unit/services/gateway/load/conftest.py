"""A load directory, gateways that read it on a real nats-server, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.api.load import LoadReportSchema
from services.bus.connection import Bus
from services.bus.events import Event, decode
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.resources.test_tasks import TASKS

V1 = "/kapacitor/v1"
TEMPLATES, LOAD = f"{V1}/templates", f"{V1}/load"


def script(measurement: str) -> str:
    return f"dbrp \"db\".\"rp\"\nstream|from().measurement('{measurement}')|httpOut('out')\n"


TEMPLATE = "var m string\nstream|from().measurement(m)|httpOut('out')\n"


def made_from(template: str, **vars: Any) -> str:
    given = {name: {"type": "string", "value": value} for name, value in vars.items()}
    return orjson.dumps({"template-id": template, "dbrps": [{"db": "db", "rp": "rp"}], "vars": given}).decode()


class Directory:
    """A load directory whose names end in the test's own, since all tests share one NATS."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in ("tasks", "templates", "handlers"):
            (path / folder).mkdir(parents=True)

    def put(self, file: str, text: str) -> None:
        (self.path / file).write_text(text)

    def take(self, file: str) -> None:
        (self.path / file).unlink()


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "load")


@pytest.fixture
async def loading(
    start_gateway: StartGateway, directory: Directory, bus: Bus, worker: StandInWorker
) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that has loaded the directory, still empty; at the end nothing is left of what it loaded."""
    async with start_gateway(load=directory.path) as client:
        await load(client)
        yield client
        for file in directory.path.glob("*/*"):
            file.unlink()
        await load(client)


async def load(client: httpx.AsyncClient) -> dict[str, Any]:
    """Have the directory loaded; gives the report."""
    answer = await client.post(LOAD)
    assert answer.status_code == 200, answer.text
    assert LoadReportSchema().validate(answer.json()) == {}
    report: dict[str, Any] = answer.json()
    return report


def counts(report: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return report["loaded"], report["unchanged"], report["removed"], report["refused"]


def told(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["file"], one["effect"], one["error"]) for one in report["complaints"]]


async def task(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    answer = await client.get(f"{TASKS}/{id}?script-format=raw")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def errors(client: httpx.AsyncClient) -> int:
    statistics = (await client.get(f"{V1}/debug/vars")).json()["kapacitor"].values()
    (found,) = [one["values"]["errors"] for one in statistics if one["name"] == "load"]
    return int(found)


async def events_since(bus: Bus, position: int) -> list[Event]:
    last = await bus.last_sequence("EVENTS")
    found: list[Event] = []
    async with bus.follow("EVENTS", ["tickbus.event.>"], position) as feed:
        while position < last:
            messages = await feed.batch()
            found += map(decode, messages)
            position = messages[-1].seq
    return found


async def whats_since(bus: Bus, position: int) -> list[str]:
    return [f"{e.kind}.{e.id}.{e.what}" for e in await events_since(bus, position) if e.kind != "run"]
