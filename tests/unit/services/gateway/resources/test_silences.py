"""The resource /silences on a real gateway with a real alerting."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from schemas.api.oncall.silence import SilenceListSchema, SilenceSchema
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.support.alerts import CRITICAL, alerts, post, send, sink, started

PATH = "/kapacitor/v1/silences"


async def made(client: httpx.AsyncClient, *matchers: Any, **more: Any) -> Any:
    answer = await client.post(PATH, json={"matchers": list(matchers), "duration": "1h", **more})
    assert answer.status_code == 200, answer.text
    assert SilenceSchema().validate(answer.json()) == {}
    return answer.json()


async def test_what_is_written_after_the_answer_is_silenced(
    gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting
) -> None:
    async with sink() as web:
        run = await started(bus, "t", 1, post(web.url))
        one = await made(gateway, "host=a", comment="disk is changed")
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await send(bus, alerts([("b", CRITICAL)], 6, host="b"), run)
        await web.came(1)
        assert (await gateway.delete(f"{PATH}/{one['id']}")).status_code == 204
        await web.came(2)
        assert web.told() == [("b", "CRITICAL", "OK"), ("a", "CRITICAL", "OK")]


async def test_its_life(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    one = await made(gateway, 'host=~"web.*"', "level!=INFO", {"name": "dc", "value": "a b"}, id="s")
    assert one["link"] == {"rel": "self", "href": f"{PATH}/s"} and one["status"] == "active"
    assert one["matchers"] == [
        {"name": "host", "value": "web.*", "is-regex": True, "is-equal": True},
        {"name": "level", "value": "INFO", "is-regex": False, "is-equal": False},
        {"name": "dc", "value": "a b", "is-regex": False, "is-equal": True},
    ]
    assert (await gateway.get(f"{PATH}/s")).json() == one
    changed = (await gateway.patch(f"{PATH}/s", json={"comment": "why", "end": "2100-01-01T00:00:00Z"})).json()
    assert changed == one | {"comment": "why", "end": "2100-01-01T00:00:00Z"}
    late = await made(gateway, "host=b", id="late", start="2099-01-01T00:00:00Z")
    assert (late["status"], late["end"]) == ("pending", "2099-01-01T01:00:00Z")
    listed = (await gateway.get(PATH)).json()
    assert SilenceListSchema().validate(listed) == {}
    assert [one["id"] for one in listed["silences"]][:2] == ["s", "late"]
    assert (await gateway.delete(f"{PATH}/s")).status_code == 204
    assert (await gateway.delete(f"{PATH}/s")).status_code == 204
    assert (await gateway.delete(f"{PATH}/none")).status_code == 204
    assert (await gateway.get(f"{PATH}/s")).json()["status"] == "expired"
    by_status = {
        status: {one["id"] for one in (await gateway.get(PATH, params={"status": status})).json()["silences"]}
        & {"s", "late"}
        for status in ("active", "pending", "expired", "expired,pending")
    }
    assert by_status == {"active": set(), "pending": {"late"}, "expired": {"s"}, "expired,pending": {"late", "s"}}
    every = [one["id"] for one in (await gateway.get(PATH, params={"limit": -1})).json()["silences"]]
    page = (await gateway.get(PATH, params={"offset": 1, "limit": 1})).json()["silences"]
    assert [one["id"] for one in page] == every[1:2]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "matchers: at least one is needed"),
        ({"matchers": []}, "matchers: at least one is needed"),
        ({"matchers": ["host"]}, "matchers.0: no matcher: 'host'"),
        ({"matchers": ["=a"]}, "matchers.0: no matcher"),
        ({"matchers": ["host=a", "host=~("]}, "matchers.1: invalid matcher for host: error parsing regexp"),
        ({"matchers": [{"name": "host"}]}, "matchers.0: a matcher has a name and a value"),
        *(
            ({"matchers": [one]}, "at least one must not fit an empty value")
            for one in ("host=", "host=~.*", "host!=a")
        ),
        ({"matchers": ["host=a"], "duration": "1h", "comment": "c" * 70_000}, "bytes of JSON, more than 65536"),
        ({"matchers": ["host=a"]}, "end: it or duration is required"),
        ({"matchers": ["host=a"], "duration": "-1h"}, "duration: must be a duration"),
        ({"matchers": ["host=a"], "duration": "1x"}, "duration: must be a duration"),
        ({"matchers": ["host=a"], "duration": "2562047h"}, "duration: must be a duration"),
        ({"matchers": ["host=a"], "start": 1 << 62, "duration": 1 << 62}, "it ends behind the last time"),
        ({"matchers": ["host=a"], "end": "tomorrow"}, "end: must be"),
        ({"matchers": ["host=a"], "end": "2020-01-01T00:00:00Z"}, "is not after its start and now"),
        ({"matchers": ["host=a"], "end": "2100-01-01T00:00:00Z", "duration": "1h"}, "exclude each other"),
        ({"matchers": ["host=a"], "duration": "1h", "id": "a/b"}, "must contain only letters"),
        ([], "invalid JSON"),
    ],
)
async def test_what_is_no_silence(gateway: httpx.AsyncClient, body: Any, error: str) -> None:
    answer = await gateway.post(PATH, json=body)
    assert answer.status_code == 400 and error in answer.json()["error"], answer.text


async def test_what_cannot_be_changed(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await made(gateway, "host=a", id="kept")
    assert (await gateway.post(PATH, json={"matchers": ["host=a"], "duration": "1h", "id": "kept"})).status_code == 400
    for body in ({"start": "2099-01-01T00:00:00Z"}, {"id": "t"}, {"matchers": []}):
        assert (await gateway.patch(f"{PATH}/kept", json=body)).status_code == 400, body
    await gateway.delete(f"{PATH}/kept")
    over = await gateway.patch(f"{PATH}/kept", json={"duration": "1h"})
    assert over.status_code == 400 and "is over" in over.json()["error"]
    for method in ("GET", "PATCH"):
        assert (await gateway.request(method, f"{PATH}/none", json={})).status_code == 404
    assert (await gateway.get(PATH, params={"status": "odd"})).status_code == 400


async def test_over_the_bus(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    asked = {"matchers": ["host=a"], "duration": "1h", "id": "bus"}
    reply = orjson.loads(await bus.request(command_subject("silence", "create"), orjson.dumps(asked)))
    assert reply["status"] == 200 and (await gateway.get(f"{PATH}/bus")).json() == reply["body"]
