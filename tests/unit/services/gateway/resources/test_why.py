"""Why and why-not on a real gateway, where no recorder runs: what is refused at once, and what is asked of one."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from schemas.requests.recorder import RECORDER_WHY, RECORDER_WHY_NOT
from services.bus.connection import Bus
from services.bus.subjects import command_subject, request_subject

BASE = "/kapacitor/v1"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/alerts/topics/t/events/e/why?at=noon", "at: must be a time in RFC 3339, or ns since 1970, and is 'noon'"),
        ("/tasks/t/why-not", "at: give a time in RFC 3339, or ns since 1970"),
        ("/tasks/t/why-not?at=2026-01-01T00:00:00Z&within=soon", "within: 'soon' is no duration as 10s or 1m30s"),
        ("/tasks/t/why-not?at=2026-01-01T00:00:00Z&group==a", "group: '=a' is no tag with its value as host=a"),
    ],
)
async def test_mistakes(gateway: httpx.AsyncClient, path: str, error: str) -> None:
    answer = await gateway.get(BASE + path)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_where_nobody_can_be_asked(gateway: httpx.AsyncClient, bus: Bus) -> None:
    answer = await gateway.get(f"{BASE}/alerts/topics/t/events/e/why")
    assert answer.status_code == 503 and "the recorder does not answer" in answer.json()["error"]
    question = {"id": "t", "at": "noon"}
    said = orjson.loads(await bus.request(command_subject("task", "why-not"), orjson.dumps(question)))
    assert said["status"] == 400 and said["body"]["error"].startswith("at: must be a time")


async def test_what_a_recorder_is_asked(gateway: httpx.AsyncClient, bus: Bus) -> None:
    asked: list[dict[str, Any]] = []

    async def told(data: bytes, headers: Any) -> bytes:
        asked.append(orjson.loads(data))
        return RECORDER_WHY.encode_response({"status": 410, "error": "it is gone", "explanation": {}})

    responders = [bus.answer(request_subject(*one.tokens()), told) for one in (RECORDER_WHY, RECORDER_WHY_NOT)]
    for path in (
        "/alerts/topics/t/events/cpu/host=a/why?at=1970-01-01T00:00:01Z",
        "/alerts/topics/t/events/e/why",
        "/alerts/topics/t/events/e/why?at=1000000001",
        "/tasks/some/task/why-not?group=host%3Da,cpu%3D0&at=1970-01-01T00:00:01Z",
    ):
        answer = await gateway.get(BASE + path)
        assert (answer.status_code, answer.json()["error"]) == (410, "it is gone")
    for one in responders:
        one.stop()
    assert asked == [
        {"topic": "t", "id": "cpu/host=a", "at": 10**9},
        {"topic": "t", "id": "e", "at": None},
        {"topic": "t", "id": "e", "at": 10**9 + 1},
        {"task": "some/task", "tags": {"host": "a", "cpu": "0"}, "at": 10**9, "within": 10**10},
    ]


async def test_they_are_described(gateway: httpx.AsyncClient) -> None:
    paths = (await gateway.get(f"{BASE}/openapi.json")).json()["paths"]
    why = paths[f"{BASE}/alerts/topics/{{topic}}/events/{{id}}/why"]["get"]
    assert {"200", "404", "409", "410"} <= why["responses"].keys()
    names = {one["name"] for one in paths[f"{BASE}/tasks/{{id}}/why-not"]["get"]["parameters"]}
    assert names >= {"id", "group", "at", "within"}
