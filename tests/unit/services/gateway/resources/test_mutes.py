"""The resource /mutes on a real gateway with a real alerting."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from schemas.api.oncall.mute import MuteListSchema, MuteSchema
from schemas.api.topic import EventSchema
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.support.alerts import CRITICAL, alerts, give, post, send, sink

PATH = "/kapacitor/v1/mutes"
ALWAYS = {"weekdays": ["sunday:saturday"]}


async def made(client: httpx.AsyncClient, *matchers: Any, **more: Any) -> Any:
    answer = await client.post(PATH, json={"matchers": list(matchers), "intervals": [ALWAYS], **more})
    assert answer.status_code == 200, answer.text
    assert MuteSchema().validate(answer.json()) == {}
    return answer.json()


async def test_what_is_written_after_the_answer_is_muted(
    gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting
) -> None:
    async with sink() as web:
        await give(bus, "muted", "h", post(web.url))
        one = await made(gateway, "topic=muted", "host=a")
        await send(bus, alerts([("a", CRITICAL)], 5), 0, "muted")
        await send(bus, alerts([("b", CRITICAL)], 6, host="b"), 0, "muted")
        await web.came(1)
        event = (await gateway.get("/kapacitor/v1/alerts/topics/muted/events/a")).json()
        assert EventSchema().validate(event) == {} and event["muted-by"] == [one["id"]]
        found = (await gateway.get("/kapacitor/v1/alerts/history", params={"match": "topic=muted"})).json()
        assert [(one["id"], one["muted"]) for one in found["transitions"]] == [("b", False), ("a", True)]
        assert (await gateway.delete(f"{PATH}/{one['id']}")).status_code == 204
        await web.came(2)
        assert web.told() == [("b", "CRITICAL", "OK"), ("a", "CRITICAL", "OK")]


async def test_its_life(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    interval = {
        "times": [{"start_time": "22:00", "end_time": "24:00"}, "00:00-06:00"],
        "days_of_month": [1, "-3:-1"],
        "years": ["1999"],
        "location": "Europe/Berlin",
    }
    one = await made(gateway, "host=~web.*", id="m", handlers=["slack"], intervals=[interval], comment="night")
    assert one | {"created": ""} == {
        "link": {"rel": "self", "href": f"{PATH}/m"},
        "id": "m",
        "status": "waiting",
        "until": "",
        "matchers": [{"name": "host", "value": "web.*", "is-regex": True, "is-equal": True}],
        "handlers": ["slack"],
        "intervals": [interval | {"times": ["22:00-24:00", "00:00-06:00"], "days_of_month": ["1", "-3:-1"]}],
        "created": "",
        "created-by": "",
        "comment": "night",
    }
    assert (await gateway.get(f"{PATH}/m")).json() == one
    changed = (await gateway.patch(f"{PATH}/m", json={"comment": "why", "intervals": [ALWAYS]})).json()
    assert (changed["status"], changed["comment"], changed["created"]) == ("active", "why", one["created"])
    assert changed["until"].endswith("T00:00:00Z") and changed["matchers"] == one["matchers"]
    assert (await gateway.patch(f"{PATH}/m", json={"matchers": []})).json()["handlers"] == ["slack"]
    await made(gateway, "host=b", id="n", intervals=[interval])
    listed = (await gateway.get(PATH)).json()
    assert MuteListSchema().validate(listed) == {}
    assert [one["id"] for one in listed["mutes"]] == ["m", "n"]
    active = (await gateway.get(PATH, params={"status": "active"})).json()["mutes"]
    assert [one["id"] for one in active] == ["m"]
    assert (await gateway.get(PATH, params={"status": "odd"})).status_code == 400
    for id in ("m", "m", "n"):
        assert (await gateway.delete(f"{PATH}/{id}")).status_code == 204
    assert (await gateway.get(PATH)).json()["mutes"] == []
    for method in ("GET", "PATCH"):
        assert (await gateway.request(method, f"{PATH}/m", json={})).status_code == 404


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"matchers": []}, "matchers: at least one is needed, or handlers"),
        ({"matchers": ["host"]}, "matchers.0: no matcher: 'host'"),
        ({"matchers": ["host=~.*"]}, "at least one must not fit an empty value"),
        ({"matchers": ["host=~.*"], "handlers": ["slack"]}, "at least one must not fit an empty value"),
        ({"intervals": []}, "intervals: at least one is needed"),
        ({"intervals": [{}]}, "intervals.0: it says nothing of when"),
        ({"intervals": [ALWAYS, {"times": ["22:00-06:00"]}]}, "intervals.1.times.0: 22:00-06:00 does not end after"),
        ({"intervals": [{"times": [{"start_time": "01:00"}]}]}, "intervals.0.times.0: must have a start_time and an"),
        ({"intervals": [{"weekday": ["monday"], "years": ["2026"]}]}, "intervals.0.weekday: unknown field"),
        ({"intervals": [{"weekdays": "monday"}]}, "intervals.0.weekdays: not a valid list"),
        ({"intervals": [{"weekdays": ["sunday"], "location": "Berlin"}]}, "intervals.0.location: no time zone"),
        ({"intervals": [ALWAYS] * 101}, "intervals: there are 101, more than 100"),
        ({"handlers": [""]}, "handlers.0: shorter than minimum length 1"),
        ({"comment": "c" * 70_000}, "bytes of JSON, more than 65536"),
        ({"id": "a/b"}, "must contain only letters"),
    ],
)
async def test_what_is_no_mute(gateway: httpx.AsyncClient, body: Any, error: str) -> None:
    answer = await gateway.post(PATH, json={"matchers": ["host=a"], "intervals": [ALWAYS], **body})
    assert answer.status_code == 400 and error in answer.json()["error"], answer.text


async def test_what_cannot_be_changed(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await made(gateway, "host=a", id="kept")
    answer = await gateway.post(PATH, json={"matchers": ["host=a"], "intervals": [ALWAYS], "id": "kept"})
    assert answer.status_code == 400 and "there is one with the id" in answer.json()["error"]
    for body in ({"id": "t"}, {"matchers": []}, {"intervals": []}):
        assert (await gateway.patch(f"{PATH}/kept", json=body)).status_code == 400, body
    await gateway.delete(f"{PATH}/kept")


async def test_over_the_bus(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    asked = {"matchers": ["host=a"], "intervals": [ALWAYS], "id": "bus"}
    reply = orjson.loads(await bus.request(command_subject("mute", "create"), orjson.dumps(asked)))
    assert reply["status"] == 200 and (await gateway.get(f"{PATH}/bus")).json() == reply["body"]
    await gateway.delete(f"{PATH}/bus")
