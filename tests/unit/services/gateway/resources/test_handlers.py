"""The resource /alerts/topics/TOPIC/handlers on real gateways: what the recorded cases cannot show."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.api.handler import HandlerListSchema, HandlerSchema
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.bus.subjects import command_subject
from tests.support.alerts import CRITICAL, alerts, send, sink, started
from tests.unit.services.gateway.conftest import StartGateway

BASE = "/kapacitor/v1/alerts/topics"
TCP = {"kind": "tcp", "options": {"address": "127.0.0.1:1"}}


def shown(topic: str, id: str, **changes: Any) -> dict[str, Any]:
    link = {"rel": "self", "href": f"{BASE}/{topic}/handlers/{id}"}
    return {"link": link, "id": id, **TCP, "match": "", **changes}


async def command(bus: Bus, verb: str, question: Any) -> tuple[int, Any]:
    reply = orjson.loads(await bus.request(command_subject("handler", verb), orjson.dumps(question)))
    return reply["status"], reply["body"]


async def facts(bus: Bus) -> list[Event]:
    """What the log says of handlers by now."""
    subject, found = "tickbus.event.handler.>", list[Event]()
    last = await bus.last_subject_sequence(subject)
    async with asyncio.timeout(30), bus.follow(EVENTS, [subject]) as follower:
        while not found or found[-1].seq < last:
            found += [decode(message) for message in await follower.batch()]
    return found


async def ids(client: httpx.AsyncClient, topic: str, parameters: str = "") -> list[str]:
    listed = (await client.get(f"{BASE}/{topic}/handlers{parameters}")).json()
    assert HandlerListSchema().validate(listed) == {}
    assert listed["link"] == {"rel": "self", "href": f"{BASE}/{topic}/handlers{parameters}"}
    return [one["id"] for one in listed["handlers"]]


async def test_what_is_written_after_the_answer_is_handled_so(
    gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting
) -> None:
    async with sink() as web:
        run = await started(bus, "t", 1)
        handlers = f"{BASE}/life/handlers"
        for number, (method, path, body) in enumerate(
            [
                ("POST", "", {"id": "h", "kind": "post", "options": {"url": f"{web.url}/0"}}),
                ("PATCH", "/h", [{"op": "replace", "path": "/options/url", "value": f"{web.url}/1"}]),
                ("PUT", "/h", {"id": "i", "kind": "post", "options": {"url": f"{web.url}/2"}}),
                ("DELETE", "/i", None),
            ]
        ):
            answer = await gateway.request(method, handlers + path, json=body)
            assert answer.status_code == (204 if method == "DELETE" else 200), answer.text
            await send(bus, alerts([(f"e{number}", CRITICAL)], number + 1), run, "life")
        await alerting.log.caught_up()
        await alerting.dispatcher.drained()
        assert [(path, event["id"]) for (path, _, _), event in zip(web.posts, web.events(), strict=True)] == [
            ("/0", "e0"),
            ("/1", "e1"),
            ("/2", "e2"),
        ]
        assert (await gateway.get(f"{BASE}/life")).json()["collected"] == 4


async def test_over_the_bus_as_over_http(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    body = {"id": "é.-_1", **TCP}
    assert await command(bus, "create", {"topic": "main:b:us", "body": body}) == (200, shown("main:b:us", "é.-_1"))
    assert await command(bus, "list", {"topic": "main:b:us", "pattern": "*1"}) == (
        200,
        {
            "link": {"rel": "self", "href": f"{BASE}/main:b:us/handlers?pattern=%2A1"},
            "topic": "main:b:us",
            "handlers": [shown("main:b:us", "é.-_1")],
        },
    )
    patch = [{"op": "add", "path": "/match", "value": "changed()"}, {"op": "remove", "path": "/options/address"}]
    changed = shown("main:b:us", "é.-_1", match="changed()", options={})
    name = {"topic": "main:b:us", "id": "é.-_1"}
    assert await command(bus, "update", {**name, "body": patch}) == (200, changed)
    assert await command(bus, "get", name) == (200, changed)
    assert (await gateway.get(f"{BASE}/main:b:us/handlers/é.-_1")).json() == changed
    assert await command(bus, "replace", {**name, "body": {"id": "x", **TCP}}) == (200, shown("main:b:us", "x"))
    assert await command(bus, "delete", {"topic": "main:b:us", "id": "x"}) == (204, None)
    assert await command(bus, "get", {"topic": "main:b:us", "id": "x"}) == (404, {"error": 'unknown handler: "x"'})
    assert (await command(bus, "create", {"body": body}))[0] == 400
    assert (await command(bus, "create", {"topic": "t"}))[0] == 400


async def test_a_rename_is_one_event(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    for id in ("a", "b"):
        assert (await gateway.post(f"{BASE}/name/handlers", json={"id": id, **TCP})).status_code == 200
    moved = [{"op": "replace", "path": "/id", "value": "c"}]
    assert (await gateway.patch(f"{BASE}/name/handlers/a", json=moved)).json() == shown("name", "c")
    taken = await gateway.put(f"{BASE}/name/handlers/c", json={"id": "b", **TCP})
    assert (taken.status_code, taken.json()) == (
        500,
        {"error": "failed to update handler: handler spec already exists"},
    )
    assert await ids(gateway, "name") == ["b", "c"]
    named = [(fact.id, fact.what) for fact in await facts(bus) if fact.id.startswith("name/")]
    assert named == [("name/a", "defined"), ("name/b", "defined"), ("name/c", "updated")]


async def test_of_two_gateways_one_is_first(start_gateway: StartGateway, bus: Bus, alerting: Alerting) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        body = {"id": "h", **TCP}
        answers = await asyncio.gather(*(c.post(f"{BASE}/race/handlers", json=body) for c in (one, two) * 3))
        assert sorted(answer.status_code for answer in answers) == [200, *[500] * 5]
        changes = [
            c.put(f"{BASE}/race/handlers/h", json={**body, "match": f"level() > {number}"})
            for number, c in enumerate((one, two) * 3)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*changes)} == {200}
        renames = [c.put(f"{BASE}/race/handlers/h", json={**body, "id": id}) for id, c in (("x", one), ("y", two))]
        assert sorted(answer.status_code for answer in await asyncio.gather(*renames)) == [200, 404]
        first, second = await ids(one, "race"), await ids(two, "race")
        assert first == second and len(first) == 1


async def test_without_alerting_and_after_the_loss_of_its_fold(start_gateway: StartGateway, tmp_path: Path) -> None:
    async with start_gateway() as client:
        async with asyncio.timeout(4):
            answer = await client.post(f"{BASE}/alone/handlers", json={"id": "h", "kind": "tcp"})
        assert (answer.status_code, answer.json()) == (200, shown("alone", "h", options=None))
        assert HandlerSchema().validate(answer.json()) == {}
        assert (await client.delete(f"{BASE}/alone/handlers/nosuch")).status_code == 204
        await client.post(f"{BASE}/alone/handlers", json={"id": "gone", **TCP})
        assert (await client.delete(f"{BASE}/alone/handlers/gone")).status_code == 204
    shutil.rmtree(tmp_path / "data")
    async with start_gateway() as client:
        assert await ids(client, "alone") == ["h"]
        assert await ids(client, "alone", "?pattern=x*") == []
        again = await client.post(f"{BASE}/alone/handlers", json={"id": "gone", **TCP})
        assert again.status_code == 200


@pytest.mark.parametrize(
    ("topic", "body", "status", "error"),
    [
        ("t", [], 400, "invalid handler json: _schema: Invalid input type."),
        ("t", {"id": 1, "kind": "tcp"}, 400, "invalid handler json: id: Not a valid string."),
        ("t", {"id": "h", "kind": "tcp", "options": []}, 400, "invalid handler json: options: Not a valid mapping"),
        ("t", {"id": None, "kind": "tcp"}, 400, "invalid handler spec: handler ID must contain only letters,"),
        ("t", {"id": "a/b", "kind": "tcp"}, 400, "invalid handler spec: handler ID must contain only letters,"),
        ("a b", {"id": "h", "kind": "tcp"}, 400, "invalid handler spec: handler topic must contain only letters,"),
        ("t", {"id": "ü" * 300, "kind": "tcp"}, 400, "invalid handler spec: handler topic and ID are too long"),
        ("t", {"id": "h", "kind": "slackk"}, 500, 'failed to create handler: unsupported action kind "slackk"'),
        ("t", {"id": "h", "kind": "slackk", "match": "TRUE"}, 500, "failed to create handler: unsupported action kind"),
        ("t", {"id": "h", "kind": "tcp", "match": "1 +"}, 500, "failed to create handler: invalid match expression: "),
        ("t", {"id": "h", "kind": "aggregate"}, 500, "failed to create handler: interval must be given, and positive"),
        (
            "t",
            {"id": "h", "kind": "publish", "options": {"topics": ["x" * 2000]}},
            500,
            "failed to create handler: name too long",
        ),
    ],
)
async def test_what_is_refused(gateway: httpx.AsyncClient, topic: str, body: Any, status: int, error: str) -> None:
    answer = await gateway.post(f"{BASE}/{topic}/handlers", json=body)
    assert answer.status_code == status and answer.json()["error"].startswith(error), answer.text
    assert (await gateway.get(f"{BASE}/t/handlers")).json()["handlers"] == []


@pytest.mark.parametrize(
    ("patch", "status", "error"),
    [
        ({"kind": "log"}, 400, "invalid patch json: an array of operations expected"),
        (["x"], 400, "failed to apply patch: "),
        ([{"op": "odd", "path": "/kind", "value": 1}], 400, "failed to apply patch: "),
        ([{"op": "remove", "path": "/options/nosuch"}], 400, "failed to apply patch: "),
        ([{"op": "test", "path": "/kind", "value": "log"}], 400, "failed to apply patch: "),
        ([{"op": "replace", "path": 5, "value": 1}], 400, "failed to apply patch: "),
        ([{"op": "replace", "path": "/kind", "value": 5}], 500, "failed to unmarshal patched json: kind: "),
        ([{"op": "replace", "path": "", "value": 5}], 500, "failed to unmarshal patched json: "),
        ([{"op": "replace", "path": "/topic", "value": "x"}], 500, "failed to update handler: cannot change topic"),
        ([{"op": "remove", "path": "/kind"}], 400, "invalid handler spec: handler Kind must not be empty"),
        ([{"op": "replace", "path": "/kind", "value": "nokind"}], 500, "failed to update handler: unsupported action"),
        ([{"op": "add", "path": "/options/x", "value": 1}], 500, "failed to update handler: invalid options of tcp"),
        (
            [{"op": "add", "path": "/options/a", "value": {"b": "x" * 1000}}]
            + [{"op": "copy", "from": "/options", "path": f"/options/a/c{n}"} for n in range(64)],
            400,
            "failed to apply patch: too much is copied",
        ),
    ],
)
async def test_patches_that_do_not_apply(gateway: httpx.AsyncClient, patch: Any, status: int, error: str) -> None:
    await gateway.post(f"{BASE}/patched/handlers", json={"id": "h", **TCP})
    answer = await gateway.patch(f"{BASE}/patched/handlers/h", json=patch)
    assert answer.status_code == status and answer.json()["error"].startswith(error), answer.text
    assert (await gateway.get(f"{BASE}/patched/handlers/h")).json() == shown("patched", "h")
    unknown = await gateway.patch(f"{BASE}/patched/handlers/nosuch", json=patch)
    assert (unknown.status_code, unknown.json()) == (404, {"error": 'unknown handler: "nosuch"'})
