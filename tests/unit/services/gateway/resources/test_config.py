"""The resources /config and /service-tests on real gateways, with the real alerting service behind them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.api.config import ConfigElementSchema, ConfigSchema, ServiceTestListSchema
from schemas.config import Config
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from services.cli.handler_settings import handler_sections
from services.store.live_config import LiveConfig
from tests.support.alerts import CRITICAL, alerts, post, send, sink, started
from tests.support.clusters import cluster
from tests.unit.services.gateway.conftest import StartGateway

BASE = "/kapacitor/v1/config"
TESTS = "/kapacitor/v1/service-tests"


@pytest.fixture
async def alerting(bus: Bus, tmp_path: Path) -> AsyncIterator[Alerting]:
    """The real alerting service, whose configuration follows the log."""
    async with Alerting(bus, tmp_path / "alerting.lmdb", LiveConfig(Config(), handler_sections())) as service:
        responders = AlertingResponders(bus, service)
        yield service
        responders.stop()


async def update(client: httpx.AsyncClient, place: str, **action: Any) -> tuple[int, str]:
    answer = await client.post(f"{BASE}/{place}", json=action)
    return answer.status_code, answer.json()["error"] if answer.content else ""


async def options(client: httpx.AsyncClient, place: str) -> dict[str, Any]:
    shown = (await client.get(f"{BASE}/{place}")).json()
    assert ConfigElementSchema().validate(shown) == {}
    assert shown["link"] == {"rel": "self", "href": f"{BASE}/{place}"}
    found: dict[str, Any] = shown["options"]
    return found


async def test_elements_are_added_changed_and_removed(gateway: httpx.AsyncClient, alerting: Alerting) -> None:
    new = {"endpoint": "w.1", "url": "http://w", "basic-auth": {"username": "u", "password": "p"}}
    assert await update(gateway, "httppost", add=new) == (204, "")
    assert await update(gateway, "httppost", add=new) == (
        400,
        "failed to apply update: cannot add new override, override already exists for httppost/w.1",
    )
    assert await update(gateway, "httppost", add={"endpoint": "example"}) == (
        400,
        'section "httppost" has duplicate elements: "example"',
    )
    assert await update(gateway, "httppost/w.1", set={"headers": {"a": "b"}}, delete=["basic-auth"]) == (204, "")
    shown = await options(gateway, "httppost/w.1")
    assert (shown["url"], shown["headers"], shown["basic-auth"]) == ("http://w", {"a": "b"}, False)
    assert await update(gateway, "httppost/example", set={"url": "http://e"}) == (204, "")
    listed = (await gateway.get(f"{BASE}/httppost")).json()
    assert [one["options"]["endpoint"] for one in listed["elements"]] == ["example", "w.1"]
    assert await update(gateway, "httppost", remove=["w.1", "example", "nosuch"]) == (204, "")
    assert (await gateway.get(f"{BASE}/httppost/w.1")).status_code == 404
    assert (await options(gateway, "httppost/example"))["url"] == "http://example.com"
    assert await update(gateway, "httppost", add=new) == (204, "")


async def test_what_is_refused_changes_nothing(gateway: httpx.AsyncClient, alerting: Alerting) -> None:
    before = (await gateway.get(BASE)).json()
    assert ConfigSchema().validate(before) == {}
    invalid = "failed to apply update: invalid update action:"
    for place, action, text in (
        ("influxdb", {"set": {"timeout": "1s"}}, f"{invalid} element not specified, are you missing a trailing '/'?"),
        ("influxdb/a/b", {"set": {"timeout": "1s"}}, f"{invalid} must provide section name"),
        ("", {"set": {"timeout": "1s"}}, f"{invalid} must provide section name"),
        ("influxdb", {"add": {"name": "a/b"}}, f'{invalid} invalid element name "a/b"'),
        ("influxdb", {"add": {"name": 1}}, 'failed to apply update: expected "name" key to be a string, got int'),
        ("nosuch", {"remove": ["x"]}, 'failed to apply update: unknown section "nosuch"'),
        (
            "influxdb",
            {"add": {"name": "b"}, "remove": ["a"]},
            f"{invalid} cannot provide both add and remove actions in the same update",
        ),
    ):
        assert await update(gateway, place, **action) == (400, text)
    none = "failed to update configuration influxdb/: no default cluster found"
    assert await update(gateway, "influxdb", add={"name": "b", "enabled": True}) == (500, none)
    for body in ({"set": 5}, [], {"remove": [1]}):
        assert (await gateway.post(f"{BASE}/influxdb/default", json=body)).status_code == 400
    assert (await gateway.get(BASE)).json() == before


async def test_every_gateway_knows_it_also_from_the_log_alone(
    start_gateway: StartGateway, bus: Bus, alerting: Alerting, tmp_path: Path
) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        secret = {"password": "hunter22", "timeout": "5s"}
        assert await update(one, "influxdb/default", set=secret) == (204, "")
        question = {"place": "influxdb/default", "body": {"set": {"username": "u"}}}
        reply = orjson.loads(await bus.request(command_subject("config", "update"), orjson.dumps(question)))
        assert reply == {"status": 204, "body": None}
        # a change decided on the other's state knows of this one's
        assert await update(two, "influxdb/default", delete=["timeout"]) == (204, "")
        shown = await options(two, "influxdb/default")
        assert (shown["password"], shown["username"], shown["timeout"]) == (True, "u", "0s")
        assert "hunter22" not in (await two.get(BASE)).text
    shutil.rmtree(tmp_path / "two")
    async with start_gateway("two") as anew:
        assert await options(anew, "influxdb/default") == shown
        elsewhere = {"urls": ["http://127.0.0.1:1/here"], "password": "hunter22"}
        assert await update(anew, "influxdb/default", set=elsewhere) == (204, "")
    async with Alerting(bus, tmp_path / "anew.lmdb", LiveConfig(Config(), handler_sections())) as later:
        assert "http://127.0.0.1:1/here/ping" in await later.test("influxdb", {"cluster": "default"})


async def test_what_is_written_after_the_answer_is_handled_so(
    gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting
) -> None:
    async with sink() as web:
        run = await started(bus, "t", 1, post("", endpoint="e"))
        for number in range(3):
            action = {"set": {"url": f"{web.url}/{number}"}} if number else {"add": {"endpoint": "e", "url": web.url}}
            assert (await update(gateway, "httppost/e" if number else "httppost", **action)) == (204, "")
            await send(bus, alerts([(f"a{number}", CRITICAL)], number + 1), run)
            await alerting.log.caught_up()
            await alerting.dispatcher.drained()
        assert [path for path, _, _ in web.posts] == ["/", "/1", "/2"]
    handler = {"id": "h", "kind": "post", "options": {"endpoint": "e"}}
    handlers = "/kapacitor/v1/alerts/topics/x/handlers"
    assert (await gateway.post(handlers, json=handler)).status_code == 200
    assert await update(gateway, "httppost", remove=["e"]) == (204, "")
    refused = await gateway.post(handlers, json={**handler, "id": "i"})
    assert refused.status_code == 500


async def test_a_service_is_tested_by_alerting(gateway: httpx.AsyncClient, alerting: Alerting) -> None:
    listed = (await gateway.get(f"{TESTS}?pattern=http*")).json()
    assert ServiceTestListSchema().validate(listed) == {}
    assert [one["name"] for one in listed["services"]] == ["httppost"]
    assert (await gateway.get(f"{TESTS}/httppost")).json() == listed["services"][0]
    assert (await gateway.get(f"{TESTS}?pattern=nosuch")).json()["services"] is None
    assert (await gateway.get(f"{TESTS}?pattern=[")).json() == {"error": "bad pattern: syntax error in pattern"}
    async with sink() as web:
        ran = await gateway.post(f"{TESTS}/httppost", json={"url": f"{web.url}/t", "headers": {"x-own": "1"}, "odd": 1})
        assert (ran.status_code, ran.json()) == (200, {"success": True, "message": ""})
        ((path, headers, _),) = web.posts
        assert (path, headers["x-own"], headers["auth"]) == ("/t", "1", "secret")
        assert web.events()[0]["time"] == "0001-01-01T00:00:00Z"
    for url, text in (
        ("http://127.0.0.1:1/", "failed to POST alert data"),
        ("http://x/{{", "failed to parse template"),
    ):
        failed = await gateway.post(f"{TESTS}/httppost", json={"url": url})
        assert failed.status_code == 200
        assert failed.json()["success"] is False
        assert failed.json()["message"].startswith(text)
    async with sink() as web:
        assert await update(gateway, "influxdb/default", set={"urls": [web.url], "password": ""}) == (204, "")
        ran = await gateway.post(f"{TESTS}/influxdb", json={})
        assert ran.json() == {"success": True, "message": ""}
        assert [path for path, _, _ in web.posts] == ["/ping"]
    with cluster() as api:
        own = {"id": "mine", "enabled": True, "servers": [api.url]}
        assert await update(gateway, "swarm", add=own) == (204, "")
        ran = await gateway.post(f"{TESTS}/swarm", json={"id": "mine"})
        assert ran.json() == {"success": True, "message": ""}
    for name, text in (
        ("default", 'failed to ping the influxdb cluster "default": '),
        ("x", 'cluster "x" is not enabled or does not exist'),
    ):
        failed = await gateway.post(f"{TESTS}/influxdb", json={"cluster": name})
        assert failed.json()["success"] is False
        assert failed.json()["message"].startswith(text)
    for name, body, status in (
        ("httppost", {"url": 5}, 400),
        ("httppost", [], 400),
        ("nosuch", {}, 404),
        ("", {}, 400),
    ):
        assert (await gateway.post(f"{TESTS}/{name}", json=body)).status_code == status


async def test_overriding_can_be_switched_off(start_gateway: StartGateway) -> None:
    async with start_gateway(overridable=False) as client:
        for answer in (
            await client.get(BASE),
            await client.get(f"{BASE}/influxdb"),
            await client.post(f"{BASE}/influxdb/default", json={"set": {"timeout": "1s"}}),
        ):
            assert answer.status_code == 403
            assert answer.json() == {"error": "config override service is not enabled"}
