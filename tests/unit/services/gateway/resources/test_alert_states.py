"""The resource /alerts/states on a real gateway, with the real alerting service behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, OK, alerts, give, own_topic, post, send, sink, started, task_deleted
from tests.unit.services.gateway.conftest import StartGateway

TOPICS, STATES = "/kapacitor/v1/alerts/topics", "/kapacitor/v1/alerts/states"


@pytest.fixture
async def alerting(bus: Bus, tmp_path: Path) -> AsyncIterator[Alerting]:
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        responders = AlertingResponders(bus, service)
        await service.log.caught_up()
        yield service
        responders.stop()


@pytest.fixture
async def client(alerting: Alerting, start_gateway: StartGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with start_gateway() as client:
        yield client


def event(id: str, level: str = "CRITICAL", second: int = 5, **state: str) -> dict[str, Any]:
    """An event, as Kapacitor shows it."""
    texts = {"message": f"{id} was {level}", "details": f"<b>{id}</b>"}
    return {"id": id, "state": {**texts, "level": level, "time": f"2023-11-14T22:13:{second:02}Z", "duration": "1m0s"}}


async def take(client: httpx.AsyncClient, topic: str, *events: dict[str, Any], **more: bool) -> dict[str, int]:
    answer = await client.post(STATES, json={"topic": topic, "events": events, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, int] = answer.json()
    return {what: count for what, count in found.items() if count}


async def shown(client: httpx.AsyncClient, topic: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{TOPICS}/{topic}/events")
    return [{"id": e["id"], "state": e["state"]} for e in answer.json().get("events", ())]


async def test_they_are_shown_as_they_stood_and_no_handler_is_told(client: httpx.AsyncClient, bus: Bus) -> None:
    async with sink() as web:
        await give(bus, "named", "h", post(web.url))
        assert await take(client, "named", event("a"), event("b", "OK")) == {"taken": 2}
        assert await shown(client, "named") == [event("a"), event("b", "OK")]
        assert (await client.get(f"{TOPICS}/named")).json()["collected"] == 0
        run = await started(bus, "t", 1)
        await send(bus, alerts([("a", OK), ("c", CRITICAL)], 7), run, topic="named")
        await web.came(2)
        # of what was taken over the handler hears only as the level before
        assert web.told() == [("a", "OK", "CRITICAL"), ("c", "CRITICAL", "OK")]


async def test_what_the_topic_has_stays_unless_it_is_to_be_overwritten(client: httpx.AsyncClient) -> None:
    assert await take(client, "x", event("a", second=5), **{"dry-run": True}) == {"taken": 1}
    assert await shown(client, "x") == []
    assert await take(client, "x", event("a", second=5), event("b", second=5)) == {"taken": 2}
    news = event("a", "WARNING", 6), event("b", second=5), event("c"), event("b", "OK", 5)
    assert await take(client, "x", *news) == {"taken": 1, "differ": 2}
    assert await shown(client, "x") == [event("a", second=5), event("b", second=5), event("c")]
    old = event("b", "INFO", 4)
    assert await take(client, "x", news[0], old, event("c"), overwrite=True) == {"taken": 1, "same": 1, "later": 1}
    assert await shown(client, "x") == [news[0], event("b", second=5), event("c")]


async def test_others_are_answered_while_many_are_taken_over(client: httpx.AsyncClient) -> None:
    body = orjson.dumps({"topic": "x", "dry-run": True, "events": [event(str(n)) for n in range(20_000)]})
    began = time.perf_counter()
    taking = asyncio.create_task(client.post(STATES, content=body))
    waits = []
    while not taking.done():
        asked = time.perf_counter()
        assert (await client.get("/kapacitor/v1/ping")).status_code == 204
        waits.append(time.perf_counter() - asked)
    assert max(waits) < (time.perf_counter() - began) / 3
    assert (await taking).json()["taken"] == 20_000


async def test_the_own_topic_of_a_node_shows_them_once_its_task_runs(
    client: httpx.AsyncClient, bus: Bus, alerting: Alerting
) -> None:
    topic = own_topic("moved")
    assert await take(client, topic, event("a")) == {"taken": 1}
    assert await take(client, topic, event("a")) == {"same": 1}
    assert await shown(client, topic) == []
    await alerting.projection.reached(await started(bus, "moved", 1))
    assert await shown(client, topic) == [event("a")]
    await alerting.projection.reached(await task_deleted(bus, "moved"))
    assert await take(client, topic, event("a"), **{"dry-run": True}) == {"taken": 1}


async def test_more_than_a_message_holds(client: httpx.AsyncClient) -> None:
    events = [event(f"id{i:04}", second=i % 60) for i in range(3000)]
    for one in events:
        one["state"]["details"] = "x" * 600
    assert await take(client, "many", *events) == {"taken": 3000}
    assert await shown(client, "many") == events


async def test_they_outlive_a_restart_without_what_was_kept(
    bus: Bus, start_gateway: StartGateway, tmp_path: Path
) -> None:
    async with start_gateway() as client:
        for keeps, expected in (("a", {"taken": 1}), ("a", {"same": 1}), ("b", {"same": 1})):
            async with Alerting(bus, tmp_path / f"{keeps}.lmdb", {}) as service:
                responders = AlertingResponders(bus, service)
                await service.log.caught_up()
                assert await take(client, "kept", event("a")) == expected
                assert await shown(client, "kept") == [event("a")]
                responders.stop()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], "invalid JSON"),
        ({"topic": "x"}, "invalid JSON"),
        ({"topic": "x", "events": [{"id": "a"}]}, "invalid JSON"),
        ({"topic": "x", "events": [{"id": "a", "state": {"level": "BAD"}}]}, "invalid JSON"),
        ({"topic": "x", "events": [{"id": "a", "state": {}}]}, "event \"a\": not an RFC 3339 time: ''"),
        ({"topic": "x", "events": [event("a") | {"state": event("a")["state"] | {"duration": "x"}}]}, 'event "a": '),
        (
            {"topic": "x", "events": [event("a") | {"state": {"time": "0001-01-01T00:00:00Z"}}]},
            'event "a": its time or duration is out of range',
        ),
        ({"topic": "x" * 1500, "events": []}, "topic: name too long"),
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, body: Any, error: str) -> None:
    answer = await client.post(STATES, json=body)
    assert answer.status_code == 400 and answer.json()["error"].startswith(error), answer.text
