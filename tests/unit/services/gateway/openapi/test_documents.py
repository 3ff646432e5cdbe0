"""The documents name all there is, and the bus does as its document says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest

from schemas.api.watching.live import EVENTS
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.gateway.openapi.asyncapi import stored_events

BASE = "/kapacitor/v1"
QUESTIONS: list[Any] = [{}, {"id": "nobody"}, {"id": "nobody", "body": {}}, [], "text", {"id": 1}, {"body": {}}]
"""Each is wrong or empty in its own way for most commands."""


@pytest.fixture
async def alerting(bus: Bus, tmp_path: Path) -> AsyncIterator[None]:
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as service:
        responders = AlertingResponders(bus, service)
        yield
        responders.stop()


async def document(client: httpx.AsyncClient, name: str) -> Any:
    answer = await client.get(f"{BASE}/{name}.json")
    assert answer.status_code == 200
    return answer.json()


async def test_every_route_is_in_the_openapi_document(gateway: httpx.AsyncClient) -> None:
    paths = (await document(gateway, "openapi"))["paths"]
    documented = {(path.partition("{")[0], method.upper()) for path, its in paths.items() for method in its}
    routes = (await gateway.get(f"{BASE}/:routes")).json()
    assert documented == {(path, method) for path, methods in routes.items() for method in methods}


async def test_what_is_no_json_is_in_the_openapi_document(gateway: httpx.AsyncClient) -> None:
    paths = (await document(gateway, "openapi"))["paths"]
    answers = {
        path: paths[BASE + path]["get"]["responses"]["200"] for path in ("/live", "/tasks/{id}", "/alerts/history")
    }
    assert answers["/live"]["x-events"].keys() == EVENTS.keys()
    assert answers["/live"]["content"].keys() == {"text/event-stream"}
    assert answers["/tasks/{id}"]["content"].keys() == {"application/json", "image/svg+xml"}
    assert answers["/alerts/history"]["content"].keys() == {"application/json", "text/csv"}


async def test_every_operation_is_on_the_bus_and_in_both_documents(gateway: httpx.AsyncClient) -> None:
    paths = (await document(gateway, "openapi"))["paths"]
    over_http = {its["operationId"] for path in paths.values() for its in path.values() if "operationId" in its}
    over_bus = {name for name, its in (await document(gateway, "asyncapi"))["operations"].items() if "reply" in its}
    assert over_bus - over_http == {"token.grant", "token.list", "token.revoke"}
    assert over_http <= over_bus
    assert {"task.create", "topic.list", "recording.stream"} <= over_bus


async def test_every_stored_event_is_in_the_asyncapi_document(gateway: httpx.AsyncClient) -> None:
    channels = (await document(gateway, "asyncapi"))["channels"]
    documented = {channel for channel in channels if channel.startswith("event.")}
    assert documented == {f"event.{kind}.{what}" for kind, what, _ in stored_events()}


@pytest.mark.usefixtures("worker", "alerting")
async def test_commands_are_answered_as_the_asyncapi_document_says(gateway: httpx.AsyncClient, bus: Bus) -> None:
    found = await document(gateway, "asyncapi")
    for name, operation in found["operations"].items():
        if "reply" not in operation:
            continue
        address = found["channels"][f"command.{name}"]["address"]
        payload = found["channels"][f"reply.{name}"]["messages"]["reply"]["payload"]
        holds = jsonschema_rs.validator_for({**payload, "components": found["components"]})
        for question in QUESTIONS:
            reply = orjson.loads(await bus.request(address, orjson.dumps(question), 20.0))
            assert "internal error" not in str(reply), (name, question, reply)
            assert not list(holds.iter_errors(reply)), (name, question, reply)
