"""Alerts that somebody sees to, on a real gateway with a real alerting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from schemas.api.topic import EventSchema
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, OK, WARNING, alerts, send

EVENTS = "/kapacitor/v1/alerts/topics/acks/events"


async def acknowledged(client: httpx.AsyncClient, id: str) -> Any:
    event = (await client.get(f"{EVENTS}/{id}")).json()
    assert EventSchema().validate(event) == {}
    return event.get("acknowledged")


async def test_until_it_is_ok(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting, tmp_path: Path) -> None:
    await send(bus, alerts([("a/x", WARNING), ("b", CRITICAL)], 5), 0, "acks")
    await alerting.log.caught_up()
    said = {"by": "ann", "comment": "on it"}
    assert (await gateway.post(f"{EVENTS}/a/x/acknowledge", json=said)).status_code == 204
    found = await acknowledged(gateway, "a/x")
    assert found == said | {"time": found["time"]} and await acknowledged(gateway, "b") is None
    await send(bus, alerts([("a/x", CRITICAL)], 6), 0, "acks")
    await alerting.log.caught_up()
    assert await acknowledged(gateway, "a/x") == found
    listed = (await gateway.get(EVENTS)).json()["events"]
    assert [one.get("acknowledged") for one in listed] == [found, None]
    await send(bus, alerts([("a/x", OK)], 7), 0, "acks")
    await alerting.log.caught_up()
    assert await acknowledged(gateway, "a/x") is None


async def test_taken_back(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await send(bus, alerts([("c", WARNING)], 8), 0, "acks")
    await alerting.log.caught_up()
    assert (await gateway.post(f"{EVENTS}/c/acknowledge")).status_code == 204, "a body may be left out"
    assert (await acknowledged(gateway, "c"))["comment"] == ""
    assert (await gateway.post(f"{EVENTS}/c/acknowledge", content="{")).status_code == 400
    assert (await gateway.delete(f"{EVENTS}/c/acknowledge")).status_code == 204
    assert await acknowledged(gateway, "c") is None
    assert (await gateway.delete(f"{EVENTS}/c/acknowledge")).status_code == 204


async def test_what_cannot_be(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await send(bus, alerts([("d", OK)], 9), 0, "acks")
    await alerting.log.caught_up()
    answer = await gateway.post(f"{EVENTS}/d/acknowledge", json={})
    assert answer.status_code == 400 and 'cannot acknowledge "d": it is OK' in answer.json()["error"]
    for method in ("POST", "DELETE"):
        answer = await gateway.request(method, f"{EVENTS}/none/acknowledge", json={})
        assert answer.status_code == 404 and 'unknown event "none"' in answer.json()["error"]
    answer = await gateway.post(f"{EVENTS}/d/acknowledge", json={"by": 3})
    assert answer.status_code == 400


async def test_it_is_kept_over_a_restart(bus: Bus, tmp_path: Path, gateway: httpx.AsyncClient) -> None:
    path = tmp_path / "alerting.lmdb"
    async with Alerting(bus, path, {}) as service:
        responders = AlertingResponders(bus, service)
        await send(bus, alerts([("e", WARNING)], 10), 0, "acks")
        await service.log.caught_up()
        assert (await gateway.post(f"{EVENTS}/e/acknowledge", json={"by": "ann"})).status_code == 204
        responders.stop()
    async with Alerting(bus, path, {}) as service:
        state = service.topics.by_name["acks"]
        assert state.acknowledged["e"][0] == "ann"


async def test_silences_show(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await send(bus, alerts([("f", WARNING)], 11, host="shown"), 0, "acks")
    await alerting.log.caught_up()
    made = await gateway.post("/kapacitor/v1/silences", json={"matchers": ["host=shown"], "duration": "1h"})
    assert (await gateway.get(f"{EVENTS}/f")).json()["silenced-by"] == [made.json()["id"]]
    await gateway.delete(f"/kapacitor/v1/silences/{made.json()['id']}")
    assert "silenced-by" not in (await gateway.get(f"{EVENTS}/f")).json()


async def test_an_alert_that_was_ok_within_one_message_is_another(
    gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting
) -> None:
    await send(bus, alerts([("f", WARNING), ("g", WARNING)], 11), 0, "acks")
    await alerting.log.caught_up()
    for id in ("f", "g"):
        assert (await gateway.post(f"{EVENTS}/{id}/acknowledge")).status_code == 204
    await send(bus, alerts([("f", CRITICAL), ("f", OK), ("f", CRITICAL), ("g", CRITICAL)], 12), 0, "acks")
    await alerting.log.caught_up()
    assert await acknowledged(gateway, "f") is None and await acknowledged(gateway, "g") is not None
