"""When alerts of a topic flap, said and shown, on a real gateway with a real alerting."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from schemas.api.topic import TopicSchema
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.support.alerts import OK, WARNING, raised

TOPICS = "/kapacitor/v1/alerts/topics"
HISTORY = "/kapacitor/v1/alerts/history"


async def test_a_topic_with_slashes_may_flap(gateway: httpx.AsyncClient, alerting: Alerting) -> None:
    said = {"flapping": {"window": "10m", "low": 0.25, "high": 0.5}}
    topic = (await gateway.patch(f"{TOPICS}/a%2Fb%20%2541", json=said)).json()
    assert (topic["id"], topic["flapping"]["window"]) == ("a/b %41", "10m0s")
    assert (await gateway.patch(f"{TOPICS}/a/b", json=said)).status_code == 404


async def test_a_topic_says_when_its_alerts_flap(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    said = {"flapping": {"window": "10m", "low": 0.25, "high": 0.5}}
    answer = await gateway.patch(f"{TOPICS}/wild", json=said)
    assert answer.status_code == 200 and TopicSchema().validate(answer.json()) == {}
    shown = {"window": "10m0s", "low": 0.25, "high": 0.5}
    assert (answer.json()["id"], answer.json()["flapping"], answer.json()["flaps"]) == ("wild", shown, 0)
    await raised(bus, alerting, "wild", *[("a", WARNING), ("a", OK)] * 5)
    assert (await gateway.patch(f"{TOPICS}/wild", json=said)).json()["flaps"] == 1, "said again it is the same"
    assert (await gateway.get(f"{TOPICS}/wild/events/a")).json()["flapping"] is True
    history = (await gateway.get(HISTORY, params={"match": "topic=wild"})).json()["transitions"]
    assert [one["flapping"] for one in history] == [True] * 5 + [False] * 5
    assert (await gateway.patch(f"{TOPICS}/wild", json={})).json()["flapping"] == shown
    reply = orjson.loads(
        await bus.request(command_subject("topic", "update"), orjson.dumps({"id": "wild", "body": {"flapping": None}}))
    )
    assert reply["status"] == 200 and "flapping" not in reply["body"], reply
    assert "flapping" not in (await gateway.get(f"{TOPICS}/wild")).json()


async def test_a_topic_with_slashes(gateway: httpx.AsyncClient, alerting: Alerting) -> None:
    said = {"flapping": {"window": "10m", "low": 0.25, "high": 0.5}}
    answer = await gateway.patch(f"{TOPICS}/ops%2Fwild", json=said)
    assert answer.status_code == 200 and answer.json()["id"] == "ops/wild"
    assert (await gateway.patch(f"{TOPICS}/ops/wild", json=said)).status_code == 404


@pytest.mark.parametrize(
    ("flapping", "error"),
    [
        ({"window": "10m", "low": 0.25}, "flapping.high: missing data"),
        ({"window": "1x", "low": 0.25, "high": 0.5}, "flapping.window: must be a duration"),
        ({"window": "1ms", "low": 0.25, "high": 0.5}, "flapping.window: must be from 1s to 168h"),
        ({"window": "10m", "low": 0.5, "high": 0.25}, "flapping: low must be over 0, high at least low and below 1"),
        ({"window": "10m", "low": 0, "high": 0.25}, "flapping: low must be over 0"),
        ({"window": "10m", "low": 0.2, "high": 1}, "flapping: low must be over 0"),
        (3, "flapping"),
    ],
)
async def test_what_is_no_flapping(gateway: httpx.AsyncClient, flapping: Any, error: str) -> None:
    answer = await gateway.patch(f"{TOPICS}/none", json={"flapping": flapping})
    assert answer.status_code == 400 and error in answer.json()["error"], answer.text
    assert (await gateway.patch(f"{TOPICS}/none/events/a", json={})).status_code in (404, 405)
