"""What handlers did with an alert, on a real gateway with real alertings and a sink that fails and then answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson

from schemas.api.oncall.delivery import DeliveryListSchema
from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.support.alerts import CRITICAL, OK, WARNING, alerts, give, post, send, sink

TOPICS = "/kapacitor/v1/alerts/topics"

Shown = dict[str, Any]


async def shown(gateway: httpx.AsyncClient, topic: str, id: str, until: Callable[[list[Shown]], bool]) -> list[Shown]:
    """The deliveries of an alert once they are as awaited."""
    async with asyncio.timeout(10):
        while True:
            answer = (await gateway.get(f"{TOPICS}/{topic}/events/{id}/deliveries")).json()
            assert DeliveryListSchema().validate(answer) == {}
            if until(answer["deliveries"]):
                found: list[Shown] = answer["deliveries"]
                return found


async def test_a_sink_that_fails_and_then_answers(gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path) -> None:
    limits = DeliveryLimits(retry_for=20.0)
    async with sink() as web, Alerting(bus, tmp_path / "alerting.lmdb", {}, limits) as alerting:
        responders = AlertingResponders(bus, alerting)
        up = asyncio.Event()
        web.answer = lambda path, before: 503 if path == "/hook" and not up.is_set() else 204
        await give(bus, "sent", "hook", post(f"{web.url}/hook"))
        await give(bus, "sent", "refusing", post("http://127.0.0.1:1/x"), "level() == OK")
        await send(bus, alerts([("a/x", WARNING)], 5), 0, "sent")
        await web.came(2, "/hook")
        (one,) = await shown(gateway, "sent", "a/x", lambda found: bool(found))
        assert (one["handler"], one["kind"], one["level"], one["outcome"]) == ("hook", "post", "WARNING", "retrying")
        assert one["attempts"] >= 1 and "503" in one["error"]
        up.set()
        (one,) = await shown(gateway, "sent", "a/x", lambda found: found[0]["outcome"] == "sent")
        assert one["attempts"] >= 2 and one["took"] > 0 and "503" in one["error"]

        web.answer = lambda path, before: 500
        await send(bus, alerts([("a/x", CRITICAL)], 6), 0, "sent")
        last, _ = await shown(gateway, "sent", "a/x", lambda found: len(found) == 2)
        assert (last["level"], last["outcome"], last["attempts"]) == ("CRITICAL", "given-up", 1)
        assert last["at"] > last["event-time"]

        web.answer = lambda path, before: 204
        await _silence(gateway, "sent")
        await send(bus, alerts([("a/x", OK)], 7), 0, "sent")
        found = await shown(gateway, "sent", "a/x", lambda found: len(found) == 4)
        assert {(one["handler"], one["outcome"], one["attempts"]) for one in found[:2]} == {
            ("hook", "silenced", 0),
            ("refusing", "silenced", 0),
        }
        assert (await gateway.get(f"{TOPICS}/sent/events/none/deliveries")).status_code == 404
        command = orjson.dumps({"topic": "sent", "id": "a/x"})
        reply = orjson.loads(await bus.request(command_subject("topic", "deliveries"), command))
        assert reply["status"] == 200 and len(reply["body"]["deliveries"]) == 4
        responders.stop()
    assert (await gateway.get(f"{TOPICS}/sent/events/a/x/deliveries")).status_code == 503


async def _silence(gateway: httpx.AsyncClient, topic: str) -> None:
    body = {"matchers": [f"topic={topic}"], "duration": "1h", "comment": "quiet"}
    assert (await gateway.post("/kapacitor/v1/silences", json=body)).status_code in (200, 201)


async def test_every_alerting_is_asked(gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path) -> None:
    async with (
        sink() as web,
        Alerting(bus, tmp_path / "one.lmdb", {}) as one,
        Alerting(bus, tmp_path / "other.lmdb", {}) as other,
    ):
        responders = [AlertingResponders(bus, one), AlertingResponders(bus, other)]
        topics = [f"shared{n}" for n in range(12)]
        for topic in topics:
            await give(bus, topic, "hook", post(web.url))
            await send(bus, alerts([("a", CRITICAL)], 5), 0, topic)
        await web.came(len(topics))
        ran = [sum(bool(each.dispatcher.outcomes.of(topic, "a")) for topic in topics) for each in (one, other)]
        for topic in topics[:3]:
            (told,) = await shown(gateway, topic, "a", lambda found: bool(found))
            assert told["outcome"] == "sent"
        assert sum(ran) >= len(topics) - 1, ran
        for each in responders:
            each.stop()


async def test_what_is_collected_is_sent_with_the_others(gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path) -> None:
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as alerting:
        responders = AlertingResponders(bus, alerting)
        options = {"interval": 50_000_000, "topic": "together", "id": "all"}
        await give(bus, "single", "gather", {"kind": "aggregate", "options": options})
        await send(bus, alerts([("a", WARNING), ("b", CRITICAL)], 5), 0, "single")
        for id, level in (("a", "WARNING"), ("b", "CRITICAL")):
            (one,) = await shown(gateway, "single", id, lambda found: bool(found))
            assert (one["handler"], one["kind"], one["outcome"]) == ("gather", "aggregate", "sent")
            assert one["level"] == level
        responders.stop()
