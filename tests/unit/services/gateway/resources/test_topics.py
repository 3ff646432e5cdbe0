"""The resource /alerts/topics on a real gateway, with the real alerting service behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, INFO, OK, alerts, own_topic, send, started
from tests.unit.services.gateway.conftest import StartGateway

BASE = "/kapacitor/v1/alerts/topics"


@pytest.fixture
async def client(bus: Bus, start_gateway: StartGateway, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway whose alerting has a named topic and a running task's own one."""
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service, start_gateway() as client:
        responders = AlertingResponders(bus, service)
        run = await started(bus, "t", 1)
        await send(bus, alerts([("a", CRITICAL), ("b/c", INFO)], 5), run, topic="named")
        await send(bus, alerts([("a", OK)], 5), run)
        await service.log.caught_up()
        yield client
        responders.stop()


def shown(id: str, level: str, collected: int) -> dict[str, object]:
    links = {"link": "self", "events-link": "events", "handlers-link": "handlers"}
    tails = {"link": "", "events-link": "/events", "handlers-link": "/handlers"}
    hrefs = {key: {"rel": rel, "href": f"{BASE}/{id}{tails[key]}"} for key, rel in links.items()}
    return {**hrefs, "id": id, "level": level, "collected": collected}


async def test_topics_and_events_as_kapacitor_shows_them(client: httpx.AsyncClient) -> None:
    named, own = shown("named", "CRITICAL", 2), shown(own_topic(), "OK", 1)
    everything = {"link": {"rel": "self", "href": f"{BASE}"}, "topics": [own, named]}
    assert (await client.get(BASE)).json() == everything
    assert (await client.get("/kapacitor/v1preview/alerts/topics?pattern=na*&min-level=warning")).json() == {
        "link": {"rel": "self", "href": f"{BASE}?pattern=na*&min-level=warning"},
        "topics": [named],
    }
    assert (await client.get(f"{BASE}/named")).json() == named
    state = {
        "details": "",
        "duration": "1s",
        "level": "INFO",
        "message": "b/c is INFO",
        "time": "2023-11-14T22:13:25.000000001Z",
    }
    event = {"link": {"rel": "self", "href": f"{BASE}/named/events/b/c"}, "id": "b/c", "state": state}
    assert (await client.get(f"{BASE}/named/events/b/c")).json() == event
    listed = (await client.get(f"{BASE}/named/events?min-level=INFO")).json()
    assert listed["link"] == {"rel": "self", "href": f"{BASE}/named/events"} and listed["topic"] == "named"
    assert [e["id"] for e in listed["events"]] == ["a", "b/c"] and listed["events"][1] == event
    assert (await client.get(f"{BASE}/named/handlers")).json()["handlers"] == []
    for _ in range(2):
        assert (await client.delete(f"{BASE}/named")).status_code == 204
        assert (await client.get(f"{BASE}/named")).status_code == 404


async def test_events_that_alerting_does_not_follow_are_not_waited_for(client: httpx.AsyncClient) -> None:
    """The gateway's last event is one of a task that does not run: alerting never sees it."""
    task = {"id": "still", "script": "stream|from()", "dbrps": [{"db": "db", "rp": "rp"}]}
    assert (await client.post("/kapacitor/v1/tasks", json=task)).status_code == 200
    assert (await client.get(BASE, timeout=2.0)).status_code == 200
    assert (await client.delete("/kapacitor/v1/tasks/still")).status_code == 204
    assert (await client.get(BASE, timeout=2.0)).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("?min-level=bad", 400, "unknown alert level 'BAD'"),
        ("?pattern=a%5B", 400, "invalid pattern: syntax error in pattern"),
        ("/none", 404, 'unknown topic: "none"'),
        ("/none/events", 500, 'failed to get topic events: unknown topic "none"'),
        ("/named/events?min-level=K", 400, "unknown alert level 'K'"),
        ("/named/events/z", 404, 'unknown event "z" in topic "named"'),
    ],
)
async def test_what_is_not_there_or_wrong(client: httpx.AsyncClient, path: str, status: int, error: str) -> None:
    answer = await client.get(BASE + path)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
