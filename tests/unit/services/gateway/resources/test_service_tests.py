"""Testing services: alerting knows and runs the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.subjects import request_subject

V1 = "/kapacitor/v1"


@pytest.fixture
async def asked(bus: Bus) -> AsyncIterator[list[Any]]:
    """An alerting that can test one service; what it is asked to test."""
    found: list[Any] = []

    async def tests(data: bytes, headers: Mapping[str, str]) -> bytes:
        return orjson.dumps({"log": {"path": "/x", "level": "CRITICAL", "teams": None}})

    async def test(data: bytes, headers: Mapping[str, str]) -> bytes:
        found.append(orjson.loads(data))
        return orjson.dumps({"message": "no such path"})

    answering = [
        bus.answer(request_subject("alerting", what), does) for what, does in (("tests", tests), ("test", test))
    ]
    yield found
    for one in answering:
        one.stop()


async def test_services_are_listed_and_tested_with_what_is_given(gateway: httpx.AsyncClient, asked: list[Any]) -> None:
    tests = f"{V1}/service-tests"
    (one,) = (await gateway.get(tests)).json()["services"]
    assert one == {
        "link": {"rel": "self", "href": f"{tests}/log"},
        "name": "log",
        "options": {"path": "/x", "level": "CRITICAL", "teams": None},
    }
    assert (await gateway.get(f"{tests}?pattern=nothing")).json()["services"] is None
    assert (await gateway.get(f"{tests}/log")).json() == one
    answer = await gateway.post(f"{tests}/log", json={"path": "/y"})
    assert answer.json() == {"success": False, "message": "no such path"}
    assert [(question["name"], question["options"]) for question in asked] == [
        ("log", {"path": "/y", "level": "CRITICAL", "teams": None})
    ]


@pytest.mark.usefixtures("asked")
async def test_an_unknown_service_and_an_option_of_another_type_are_errors(gateway: httpx.AsyncClient) -> None:
    tests = f"{V1}/service-tests"
    answer = await gateway.get(f"{tests}/none")
    assert (answer.status_code, answer.json()) == (404, {"error": 'service "none" not found'})
    for given, wanted in (
        ({"path": 1}, "path: must be a string"),
        ({"teams": 5}, "teams: must be a list of strings"),
        ({"teams": [5]}, "teams: must be a list of strings"),
        ({"level": "zz"}, "level: must be one of OK, INFO, WARNING, CRITICAL"),
    ):
        answer = await gateway.post(f"{tests}/log", json=given)
        assert (answer.status_code, answer.json()) == (400, {"error": f"failed to decode JSON body: {wanted}"})
