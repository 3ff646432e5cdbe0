"""Traces, with a gateway and a recorder on a real nats-server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import pytest

from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.recorder.results import BUCKET, ResultWriter
from tests.unit.services.recorder.conftest import StartRecorder
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


async def test_a_trace_is_deleted_while_it_runs_and_another_recorder_takes_one_up(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await define(api, "long", WINDOWED)
    start = time.time_ns()
    for part in range(4):
        await write(api, "\n".join(f"m,host=a v={i} {T0 + i // 100}" for i in range(part * 100, part * 100 + 100)))

    add = ResultWriter.add

    async def held_up(results: ResultWriter, rows: Iterable[Mapping[str, Any]]) -> None:
        """Lets the first lines through, and no more."""
        await add(results, rows)
        await results.flush()
        await asyncio.Event().wait()

    monkeypatch.setattr(ResultWriter, "add", held_up)
    for id in ("deleted", "taken-up"):
        answer = await api.post("/traces", json={"id": id, "task": "long", "start": start})
        assert answer.status_code == 201, answer.text
    async with start_recorder(), asyncio.timeout(60):
        while not (await api.get("/traces/deleted/results")).json()["count"]:
            await asyncio.sleep(0.02)
        assert (await api.get("/traces/deleted")).status_code == 202
        assert (await api.delete("/traces/deleted")).status_code == 204
        while not (await api.get("/traces/taken-up/results")).json()["count"]:
            await asyncio.sleep(0.02)
    monkeypatch.undo()
    async with start_recorder(), asyncio.timeout(60):
        body = await done(api, "/traces/taken-up")
        assert body["status"] == "finished", body
        page = (await api.get("/traces/taken-up/results", params={"limit": 10_000})).json()
        assert page["count"] == body["summary"]["found"] == len(page["results"])
        assert len([line for line in page["results"] if line["node"] == "stream0"]) == 400  # none of them twice
        kept = await bus.objects(BUCKET)
        of_deleted = f"{await bus.last_subject_sequence('tickbus.event.trace.deleted.defined')}/"
        while any(info.name.startswith(of_deleted) for info in await kept.list()):
            await asyncio.sleep(0.05)


async def test_what_the_log_holds_no_more_is_said(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "trimmed", "stream|from().measurement('x')|httpOut('x')")
    before = time.time_ns()
    await write(api, f"x v=1 {T0}")
    await bus.purge(WRITES, "tickbus.write.>", await bus.last_sequence(WRITES))
    await write(api, f"x v=2 {T0}")
    body, lines = await traced(api, task="trimmed", start=before)
    assert [line["fields"]["v"] for line in lines if line["node"] == "stream0"] == [2]
    assert body["summary"]["log"]["trimmed"].startswith("it begins at ")
    asked = {"task": "trimmed", "start": before - 2, "stop": before - 1}
    answer = await api.post("/traces", json=asked)
    assert answer.status_code == 410 and answer.json()["error"].startswith("stop: the log holds only what was written")


async def test_a_group_whose_value_has_a_comma(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "commas", "stream|from().measurement('z').groupBy('host')|httpOut('z')")
    start = time.time_ns()
    await write(api, f"z,host=a\\,b v=1 {T0}\nz,host=a v=2 {T0}")
    for group in ("host=a\\,b", {"host": "a,b"}):
        _, lines = await traced(api, task="commas", start=start, group=group, node="from1")
        assert [line["fields"]["v"] for line in lines if line["kind"] == "out"] == [1]


async def test_a_task_that_was_deleted(api: httpx.AsyncClient, recorder: None) -> None:
    before = time.time_ns()
    await define(api, "gone", "stream|from().measurement('y')|httpOut('y')")
    await write(api, f"y v=1 {T0}\ny v=2 {T0}")
    start, stop = time.time_ns() - 10**9, time.time_ns()
    assert (await api.delete("/tasks/gone")).status_code == 204
    body, lines = await traced(api, task="gone", start=start, stop=stop, where='"v" > 1', node="http_out2")
    assert body["summary"]["began"]["definition"] == "then"
    assert [(line["kind"], line["fields"]) for line in lines] == [("in", {"v": 2}), ("out", {"v": 2})]
    again, of_all_its_life = await traced(api, task="gone", start=before, stop=stop, where='"v" > 1', node="http_out2")
    assert again["summary"]["began"]["definition"] == "then" and of_all_its_life == lines
    assert "was deleted" not in again["summary"]["began"]["note"]
    longer, _ = await traced(api, task="gone", start=before, node="http_out2")
    assert not longer["error"]
    assert "; the task was deleted at 20" in longer["summary"]["began"]["note"]
    body, _ = await traced(api, task="gone", start=start, stop=stop, node="where2")
    assert body["error"] == "node: the task had no where2 then, but stream0, from1, http_out2"


async def test_no_room_for_what_it_finds(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "full", "stream|from().measurement('z')|httpOut('z')")
    await write(api, "\n".join(f"z v={i} {T0 + i}" for i in range(2000)))
    stream = f"OBJ_{BUCKET}"
    shape = (await bus._link.api(f"STREAM.INFO.{stream}"))["config"]
    taken = (await bus._link.api(f"STREAM.INFO.{stream}"))["state"]["bytes"]
    await bus._link.api(f"STREAM.UPDATE.{stream}", {**shape, "max_bytes": taken + 8192, "discard": "new"})
    try:
        body, _ = await traced(api, task="full")
        assert body["status"] == "failed" and body["error"].startswith("NATS has no room for what it finds: "), body
    finally:
        await bus._link.api(f"STREAM.UPDATE.{stream}", shape)
    body, lines = await traced(api, task="full", limit=5)
    assert body["status"] == "finished" and len(lines) == 5
