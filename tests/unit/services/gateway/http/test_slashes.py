"""Names with slashes: written as %2F they are one name on every route, the same as over the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.gateway.http.dispatcher import routed_path
from services.gateway.operations.paths import SLASH
from tests.support.alerts import CRITICAL, WARNING, alerts, send
from tests.unit.services.gateway.conftest import StartGateway

V1 = "/kapacitor/v1"
TOPIC, EVENT = "a/b", "c/../d?e%f"
TOPICS = f"{V1}/alerts/topics"
HERE = f"{TOPICS}/{quote(TOPIC, safe='')}"


@pytest.fixture
async def client(bus: Bus, start_gateway: StartGateway, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway whose alerting has the topic, and one that a part of its name would be."""
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service, start_gateway() as client:
        responders = AlertingResponders(bus, service)
        await send(bus, alerts([(EVENT, CRITICAL)], 5), 0, TOPIC)
        await send(bus, alerts([("d", WARNING)], 5), 0, "a")
        await service.log.caught_up()
        yield client
        responders.stop()


async def test_every_route_takes_them_as_the_bus_does(client: httpx.AsyncClient, bus: Bus) -> None:
    """Of what is not there each says the same of the same name, whatever the name holds."""
    paths = (await client.get(f"{V1}/openapi.json")).json()["paths"]
    walked = 0
    for path, methods in paths.items():
        for method, described in methods.items():
            names = [one["name"] for one in described["parameters"] if one["in"] == "path"]
            if not names or method not in ("get", "delete") or "operationId" not in described:
                continue
            given = dict.fromkeys(names, "none/../of/these")
            url = path.format(**{name: quote(value, safe="") for name, value in given.items()})
            answer = await client.request(method, url)
            command = f"tickbus.command.{described['operationId']}"
            reply = orjson.loads(await bus.request(command, orjson.dumps(given), 20.0))
            assert (answer.status_code, answer.json() if answer.content else None) == (reply["status"], reply["body"])
            walked += 1
    assert walked > 25


async def test_a_topic_its_events_and_its_handlers(client: httpx.AsyncClient) -> None:
    found = (await client.get(HERE)).json()
    assert found["id"] == TOPIC and found["link"]["href"] == HERE and found["level"] == "CRITICAL"
    events = (await client.get(found["events-link"]["href"])).json()
    assert events["link"]["href"] == f"{HERE}/events" and [one["id"] for one in events["events"]] == [EVENT]
    event = f"{HERE}/events/{quote(EVENT, safe='')}"
    assert (await client.get(event)).json()["state"]["level"] == "CRITICAL"
    assert (await client.post(f"{event}/acknowledge", json={"by": "ann"})).status_code == 204
    assert (await client.get(event)).json()["acknowledged"]["by"] == "ann"
    handler: dict[str, Any] = {"id": "h", "kind": "log", "options": {"path": "/tmp/none.log"}, "match": ""}
    made = (await client.post(found["handlers-link"]["href"], json=handler)).json()
    assert made["link"]["href"] == f"{HERE}/handlers/h"
    assert (await client.get(made["link"]["href"])).json() == made
    assert (await client.get(f"{TOPICS}/a/handlers")).json()["handlers"] == []
    assert [one["id"] for one in (await client.get(f"{HERE}/handlers")).json()["handlers"]] == ["h"]
    assert (await client.delete(f"{HERE}/handlers/h")).status_code == 204
    history = (await client.get(f"{V1}/alerts/history", params={"match": [f"topic={TOPIC}"]})).json()["transitions"]
    assert [(one["topic"], one["id"]) for one in history] == [(TOPIC, EVENT)]
    silence = {"matchers": [f"topic={TOPIC}", f"id={EVENT}"], "duration": "1h", "comment": "c", "by": "me"}
    id = (await client.post(f"{V1}/silences", json=silence)).json()["id"]
    assert (await client.get(event)).json()["silenced-by"] == [id]
    await client.delete(f"{V1}/silences/{id}")
    assert (await client.delete(HERE)).status_code == 204
    assert (await client.get(HERE)).status_code == 404
    assert (await client.get(f"{TOPICS}/a")).json()["id"] == "a"


async def test_what_is_written_as_a_slash_still_divides(client: httpx.AsyncClient) -> None:
    """As with Kapacitor, what stands behind a topic's name counts for nothing, and nothing is deleted by it."""
    assert (await client.get(f"{TOPICS}/a/zzz")).json()["id"] == "a"
    assert (await client.delete(f"{TOPICS}/a/zzz")).status_code == 204
    assert (await client.get(f"{TOPICS}/a")).status_code == 200
    moved = await client.get(f"{TOPICS}//a%2Fb/./events")
    assert (moved.status_code, moved.headers["location"]) == (301, f"{HERE}/events")


@pytest.mark.parametrize(
    ("path", "raw", "routed"),
    [
        ("/a/b", b"/a/b", "/a/b"),
        ("/a/b/c", b"/a%2fb/c", f"/a{SLASH}b/c"),
        ("/a/../config", b"/a%2F..%2Fconfig", f"/a{SLASH}..{SLASH}config"),
        (f"/a{SLASH}b", b"/a%F4%8F%BF%BFb", "/a\N{REPLACEMENT CHARACTER}b"),
        (f"/a{SLASH}b/c", b"/a%F4%8F%BF%BFb%2Fc", f"/a\N{REPLACEMENT CHARACTER}b{SLASH}c"),
        ("/a%2Fb", b"/a%252Fb", "/a%2Fb"),
        ("/a", b"", "/a"),
    ],
)
def test_the_path_that_counts(path: str, raw: bytes, routed: str) -> None:
    assert routed_path(path, raw) == routed
