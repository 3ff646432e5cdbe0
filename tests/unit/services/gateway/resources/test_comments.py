"""Comments on alerts, on a real gateway with a real alerting; and where history ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.api.oncall.comment import CommentListSchema
from schemas.api.topic import EventSchema
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.streams import ALERTS
from services.bus.subjects import ALERTS as EVERY_ALERT
from tests.support.alerts import CRITICAL, OK, WARNING, raised

TOPICS = "/kapacitor/v1/alerts/topics"
HISTORY = "/kapacitor/v1/alerts/history"


async def test_comments(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await raised(bus, alerting, "said", ("a/x", WARNING), ("b", CRITICAL))
    path = f"{TOPICS}/said/events/a/x/comments"
    assert (await gateway.get(path)).json()["comments"] == []
    for i in range(12):
        assert (await gateway.post(path, json={"text": f"<b>{i}</b>", "by": "ann"})).status_code == 204
    listed = (await gateway.get(path)).json()
    assert CommentListSchema().validate(listed) == {}
    assert [(one["by"], one["text"]) for one in listed["comments"]] == [("ann", f"<b>{i}</b>") for i in range(12)]
    event = (await gateway.get(f"{TOPICS}/said/events/a/x")).json()
    assert EventSchema().validate(event) == {} and event["comments"] == listed["comments"][-10:]
    assert "comments" not in (await gateway.get(f"{TOPICS}/said/events/b")).json()
    # they are kept with the history, whatever becomes of the alert
    await raised(bus, alerting, "said", ("a/x", OK), seq=6)
    assert len((await gateway.get(f"{TOPICS}/said/events/a/x")).json()["comments"]) == 10
    await gateway.delete(f"{TOPICS}/said")
    assert len((await gateway.get(path)).json()["comments"]) == 12
    assert (await gateway.post(path, json={"text": "late"})).status_code == 404
    assert (await gateway.get(f"{TOPICS}/said/events/none/comments")).status_code == 404


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "text: missing data"),
        ({"text": ""}, "text: length"),
        ({"text": "c" * 4001}, "text: length"),
        ({"text": 3}, "text: not a"),
    ],
)
async def test_what_is_no_comment(
    gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting, body: Any, error: str
) -> None:
    await raised(bus, alerting, "unsaid", ("a", WARNING))
    answer = await gateway.post(f"{TOPICS}/unsaid/events/a/comments", json=body)
    assert answer.status_code == 400 and error in answer.json()["error"], answer.text


async def test_comments_are_bounded_and_kept_over_a_restart(
    gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path
) -> None:
    path = tmp_path / "alerting.lmdb"
    async with Alerting(bus, path, {}) as service:
        responders = AlertingResponders(bus, service)
        await raised(bus, service, "many", ("a", WARNING))
        for i in range(103):
            await gateway.post(f"{TOPICS}/many/events/a/comments", json={"text": str(i)})
        responders.stop()
    async with Alerting(bus, path, {}) as service:
        assert [one.text for one in service.comments.of("many", "a")] == [str(i) for i in range(3, 103)]
    path.rename(tmp_path / "gone")
    async with Alerting(bus, path, {}) as service:
        assert len(service.comments.of("many", "a")) == 100


async def test_history_ends_where_the_log_does(gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path) -> None:
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        responders = AlertingResponders(bus, service)
        await raised(bus, service, "edge", ("a", WARNING))
        await gateway.post(f"{TOPICS}/edge/events/a/comments", json={"text": "old"})
        before = await bus.last_sequence(ALERTS)
        await raised(bus, service, "edge", ("a", OK), seq=6)
        responders.stop()

    async def levels() -> list[str]:
        found = await gateway.get(HISTORY, params={"match": "topic=edge"})
        return [one["level"] for one in found.json()["transitions"]]

    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        responders = AlertingResponders(bus, service)
        await service.log.caught_up()  # by then NATS knows who answers
        assert await levels() == ["OK", "WARNING"]
        await bus.purge(ALERTS, EVERY_ALERT, before)
        await service.forget_past()
        assert await levels() == ["OK"]
        assert (await gateway.get(f"{TOPICS}/edge/events/a/comments")).json()["comments"] == []
        await bus.purge(ALERTS, EVERY_ALERT, await bus.last_sequence(ALERTS))
        await service.forget_past()
        assert await levels() == []
        event = (await gateway.get(f"{TOPICS}/edge/events/a")).json()
        assert event["state"]["level"] == "OK", "how alerts stand is kept"
        responders.stop()
