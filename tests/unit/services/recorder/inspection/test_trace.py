"""Traces, with a gateway and a recorder on a real nats-server."""

from __future__ import annotations

from typing import Any

import httpx

from tests.unit.services.recorder.record.test_recordings import define, done, write

BEGAN = "2023-01-01T00:00:00Z"
T0 = 1_700_000_000
WINDOWED = """
stream|from().measurement('m').groupBy('host')|window().periodCount(2).everyCount(1)|mean('v').as('v')
    |where(lambda: "v" > 3.0)|httpOut('out')
"""


async def traced(api: httpx.AsyncClient, **asked: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trace that is over, and all its lines."""
    answer = await api.post("/traces", json={"start": BEGAN, **asked})
    assert answer.status_code == 201, answer.text
    path = f"/traces/{answer.json()['id']}"
    body = await done(api, path)
    lines: list[dict[str, Any]] = []
    while page := (await api.get(f"{path}/results", params={"offset": len(lines), "limit": 7})).json()["results"]:
        lines += page
    return body, lines


async def test_node_by_node(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "windowed", WINDOWED)
    await write(api, "\n".join(f"m,host={host} v={i} {T0 + i}" for i in range(6) for host in "ab"))
    body, lines = await traced(api, task="windowed", group="host=a")
    assert (body["status"], body["error"], body["progress"]) == ("finished", "", 1), body
    summary = body["summary"]
    assert summary["began"]["with"] == "nothing"
    assert summary["alone"] and summary["nodes"]["mean3"] == {"in": 6, "out": 6, "lines": 6, "errors": 0, "reasons": {}}
    assert summary["results"] == summary["found"] == len(lines)
    assert [line["fields"] for line in lines if line["node"] == "http_out5"] == [{"v": 3.5}, {"v": 4.5}]
    assert {line.get("group") for line in lines} == {"", "host=a"}
    last = lines[-1]
    assert last == {
        "node": "http_out5",
        "kind": "out",
        "origin": {"seq": 1, "row": 10},
        "point": "m",
        "group": "host=a",
        "time": "2023-11-14T22:13:25Z",
        "tags": {"host": "a"},
        "fields": {"v": 4.5},
    }
