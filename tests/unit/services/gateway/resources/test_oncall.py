"""Comments, flapping of topics and reports on a real gateway with a real alerting."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.api.oncall.comment import CommentListSchema
from schemas.api.oncall.report import ReportSchema
from schemas.api.topic import EventSchema, TopicSchema
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.streams import ALERTS
from services.bus.subjects import ALERTS as EVERY_ALERT
from services.bus.subjects import command_subject
from tests.support.alerts import CRITICAL, OK, WARNING, alerts, send

TOPICS = "/kapacitor/v1/alerts/topics"
REPORT = "/kapacitor/v1/alerts/report"
HISTORY = "/kapacitor/v1/alerts/history"


@pytest.fixture
async def alerting(bus: Bus, tmp_path: Path) -> AsyncIterator[Alerting]:
    """The real alerting service."""
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        responders = AlertingResponders(bus, service)
        yield service
        responders.stop()


async def raised(
    bus: Bus, alerting: Alerting, topic: str, *events: tuple[str, int], seq: int = 5, host: str = "a"
) -> None:
    await send(bus, alerts(list(events), seq, host=host), 0, topic)
    await alerting.log.caught_up()


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
    [({}, "text: missing data"), ({"text": ""}, "text: length"), ({"text": "c" * 4001}, "text: length"), ({"text": 3}, "text: not a")],
)  # fmt: skip
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


async def test_a_report(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await raised(bus, alerting, "rep1", ("a", WARNING), ("a", CRITICAL), ("b", WARNING))
    await raised(bus, alerting, "rep1", ("b", OK), seq=6, host="b")
    await raised(bus, alerting, "rep2", ("c", CRITICAL), seq=7, host="b")
    await gateway.post("/kapacitor/v1/silences", json={"matchers": ["topic=rep2"], "duration": "1h"})
    await raised(bus, alerting, "rep2", ("c", OK), seq=8, host="b")

    async def asked(**parameters: Any) -> Any:
        answer = await gateway.get(REPORT, params={"match": "topic=~rep.", **parameters})
        assert answer.status_code == 200, answer.text
        assert ReportSchema().validate(answer.json()) == {}
        return answer.json()

    found = await asked()
    rows = {one["of"]: one for one in found["rows"]}
    assert found["by"] == "topic" and found["left"] == 0 and list(rows)[0] == "rep1"
    assert rows["rep1"]["changes"] == {"OK": 1, "INFO": 0, "WARNING": 2, "CRITICAL": 1}
    assert (rows["rep1"]["alerts"], rows["rep1"]["held"]) == (2, 0)
    assert rows["rep1"]["time"]["CRITICAL"] != "0s" == rows["rep1"]["time"]["INFO"]
    assert (rows["rep2"]["changes"]["OK"], rows["rep2"]["held"]) == (1, 1)
    by_id = await asked(by="id")
    assert {(one["topic"], one["of"]) for one in by_id["rows"]} == {("rep1", "a"), ("rep1", "b"), ("rep2", "c")}
    by_host = {one["of"]: one["alerts"] for one in (await asked(by="tag:host"))["rows"]}
    assert by_host == {"a": 2, "b": 2}
    first = await asked(by="id", limit=1)
    assert len(first["rows"]) == 1 and first["left"] == 2
    assert (await asked(match="id=b"))["rows"][0]["changes"]["OK"] == 1
    # an alert that stands since before counts for all of the time
    now = time.time_ns()
    late = await asked(since=str(now - 1), until=str(now))
    assert [one["of"] for one in late["rows"]] == ["rep1"]
    assert late["rows"][0]["time"] == {"INFO": "0s", "WARNING": "0s", "CRITICAL": "1ns"}
    for parameters in (
        {"by": "odd"},
        {"by": "tag:"},
        {"limit": "0"},
        {"since": "x"},
        {"since": str(now), "until": "5"},
    ):
        assert (await gateway.get(REPORT, params=parameters)).status_code == 400, parameters


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
