"""Replays without side effects over HTTP, with a recorder at work: nothing leaves, and all that would have is told."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from marshmallow import RAISE

from schemas.api.effect import EffectSchema
from services.bus.connection import Bus
from services.bus.streams import ALERTS, EVENTS, WRITES
from services.bus.subjects import command_subject
from services.recorder import results as results_module
from services.recorder.results import BUCKET
from tests.support.alerts import sink
from tests.unit.services.recorder.conftest import StartRecorder
from tests.unit.services.recorder.record.test_recordings import define, done
from tests.unit.services.recorder.replay.test_replays import START, recorded

__all__ = ["recorded"]

DRY = {"side-effects": False}
LOUD = """var d = stream|from().measurement('m').groupBy('host')
    d|log()
    d|kapacitorLoopback().database('back').retentionPolicy('rp')
    d|httpPost('{url}')|alert().id('{{{{ .Group }}}}').crit(lambda: "v" > 20.0).stateChangesOnly().topic('loud')
        .inhibit('others', 'host').post('{url}')
    d|eval(lambda: "nothing" + 1.0).as('x')
"""


async def replay(api: httpx.AsyncClient, id: str, task: str, **more: Any) -> dict[str, Any]:
    """Begun; the answer."""
    await done(api, "/recordings/rec")
    body = {"id": id, "task": task, "recording": "rec", "recording-time": True, **DRY, **more}
    answer = await api.post("/replays", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def effects(api: httpx.AsyncClient, id: str, limit: int = 1000) -> list[dict[str, Any]]:
    """All that are there now, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await api.get(f"/replays/{id}/effects", params={"offset": len(found), "limit": limit})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["effects"]) <= limit and page["left-out"] == 0
        found += page["effects"]
        assert page["next"] == len(found)
        if page["next"] == page["count"]:
            break
    for one in found:
        EffectSchema(unknown=RAISE).load(one)
    return found


def of(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["kind"] == kind]


async def test_nothing_leaves_and_all_that_would_have_is_told(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    async with sink() as web:
        await define(api, "loud", LOUD.format(url=web.url))
        writes, alerted = await bus.last_sequence(WRITES), await bus.last_sequence(ALERTS)
        shown = await replay(api, "loud_p", "loud")
        assert shown["side-effects"] is False
        shown = await done(api, "/replays/loud_p")
    assert (shown["status"], shown["error"], shown["side-effects"]) == ("finished", "", False)
    assert web.posts == []
    assert (await bus.last_sequence(WRITES), await bus.last_sequence(ALERTS)) == (writes, alerted)
    found = await effects(api, "loud_p", limit=7)
    assert found == await effects(api, "loud_p")
    raised = of("alert", found)
    assert [(one["id"], one["previousLevel"], one["level"], one["time"]) for one in raised] == [
        ("host=h1", "OK", "CRITICAL", "2023-11-14T22:13:41Z"),
        ("host=h0", "OK", "CRITICAL", "2023-11-14T22:13:42Z"),
    ]
    assert raised[0]["topics"] == ["main:loud:alert5", "loud"], "as of the live task"
    assert raised[0]["data"]["series"][0]["values"] == [["2023-11-14T22:13:41Z", 21.0]]
    assert [(one["tags"], one["on"]) for one in of("inhibition", found)] == [
        ({"host": "h1"}, True),
        ({"host": "h0"}, True),
    ]
    posts = of("post", found)
    assert len(posts) == 30 and posts[3]["body"]["series"][0]["tags"] == {"host": "h1"}
    lines = [line for one in of("loopback", found) for line in one["lines"]]
    assert lines == [f"m,host=h{i % 2} v={i} {(START + i) * 10**9}" for i in range(30)]
    assert [one["fields"] for one in of("log", found)] == [{"v": float(i)} for i in range(30)]
    (complaint,) = of("error", found)
    assert complaint["node"] == "eval6" and found[-1] == complaint
    assert shown["stats"]["node-stats"]["alert5"]["crits_triggered"] == 2


async def test_what_it_would_do_is_the_same_each_time_and_goes_with_the_replay(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder
) -> None:
    await define(api, "same", LOUD.format(url="http://127.0.0.1:1"))
    objects = await bus.objects(BUCKET)
    async with start_recorder():
        for id in ("same_1", "same_2"):
            await replay(api, id, "same")
            await done(api, f"/replays/{id}")
        first, second = [await effects(api, id) for id in ("same_1", "same_2")]
        assert first == second and len(first) > 60
        kept = len(await objects.list())
        assert (await api.delete("/replays/same_1")).status_code == 204
        async with asyncio.timeout(30):
            while len(await objects.list()) >= kept:
                await asyncio.sleep(0.02)
        assert (await api.get("/replays/same_1/effects")).status_code == 404
        assert await effects(api, "same_2") == second
        left = len(await objects.list())
    assert (await api.delete("/replays/same_2")).status_code == 204, "while no recorder runs"
    async with start_recorder(), asyncio.timeout(30):
        while len(await objects.list()) >= left:
            await asyncio.sleep(0.02)


async def test_a_replay_begun_anew_has_its_effects_once(api: httpx.AsyncClient, start_recorder: StartRecorder) -> None:
    await define(api, "again", "stream|from().measurement('m')|alert().id('x').crit(lambda: TRUE).topic('again')")
    async with start_recorder():
        await replay(api, "again_p", "again", clock="real")
        async with asyncio.timeout(60):
            while len(await effects(api, "again_p")) < 2:
                await asyncio.sleep(0.05)
    async with start_recorder():
        async with asyncio.timeout(60):
            while len(found := await effects(api, "again_p")) < 4:
                await asyncio.sleep(0.05)
        await api.delete("/replays/again_p")
    assert [one["time"] for one in found] == [f"2023-11-14T22:13:{20 + i}Z" for i in range(len(found))]


async def test_what_there_is_no_room_for_is_counted_and_a_chatty_node_leaves_some_for_alerts(
    api: httpx.AsyncClient, recorder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module.Results.writer, "__defaults__", (8000,))
    script = """stream|from().measurement('m').groupBy('host')|log()
        |alert().id('x').crit(lambda: "v" > 25.0).message('m').topic('room')"""
    await define(api, "room", script)
    await replay(api, "room_p", "room")
    await done(api, "/replays/room_p")
    page = (await api.get("/replays/room_p/effects")).json()
    kinds = [one["kind"] for one in page["effects"]]
    assert 10 < kinds.count("log") < 30 and kinds.count("alert") == 4
    assert page["left-out"] == 30 - kinds.count("log") and page["count"] == len(kinds)


async def test_a_task_that_ends_of_itself(api: httpx.AsyncClient, recorder: None) -> None:
    script = "stream|from().measurement('m')|log()|alert().id('{{ index .Fields 1 }}').crit(lambda: TRUE)"
    await define(api, "ends", script)
    await replay(api, "ends_p", "ends")
    shown = await done(api, "/replays/ends_p")
    assert shown["status"] == "failed" and shown["error"].startswith("task run: ")
    assert {one["kind"] for one in await effects(api, "ends_p")} <= {"log", "failure"}


async def test_over_the_bus_and_in_lists(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "listed", "stream|from().measurement('m')|log()")
    await replay(api, "listed_p", "listed")
    await replay(api, "listed_q", "listed", **{"side-effects": True})
    for id in ("listed_p", "listed_q"):
        await done(api, f"/replays/{id}")
    listed = (await api.get("/replays", params={"pattern": "listed_*"})).json()["replays"]
    assert {one["id"]: one.get("side-effects") for one in listed} == {"listed_p": False, "listed_q": None}
    asked = {"pattern": "listed_*", "fields": ["side-effects"]}
    listed = (await api.get("/replays", params=asked)).json()["replays"]
    assert {one["id"]: one["side-effects"] for one in listed} == {"listed_p": False, "listed_q": True}
    question = orjson.dumps({"id": "listed_p", "offset": 2, "limit": 3})
    reply = orjson.loads(await bus.request(command_subject("replay", "effects"), question))
    assert (reply["status"], reply["body"]["next"], reply["body"]["count"]) == (200, 5, 30)
    assert [one["fields"]["v"] for one in reply["body"]["effects"]] == [2.0, 3.0, 4.0]


async def test_what_is_refused(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "no", "stream|from().measurement('m')|log()")
    before = await bus.last_sequence(EVENTS)
    body = {"task": "no", "recording": "rec", "side-effects": "no"}
    assert (await api.post("/replays", json=body)).status_code == 400
    assert await bus.last_sequence(EVENTS) == before
    await replay(api, "no_p", "no", **{"side-effects": True})
    await done(api, "/replays/no_p")
    answer = await api.get("/replays/no_p/effects")
    assert answer.status_code == 400 and answer.json()["error"].startswith("replay no_p has side effects")
    answer = await api.get("/replays/never/effects")
    assert (answer.status_code, answer.json()) == (404, {"error": "could not find replay: no replay exists"})
    await replay(api, "no_q", "no")
    for name in ("offset", "limit"):
        for wrong in ("-1", "x"):
            answer = await api.get("/replays/no_q/effects", params={name: wrong})
            assert answer.status_code == 400 and f'invalid {name} parameter "{wrong}"' in answer.json()["error"]


async def test_what_a_query_gives_is_replayed_so_too(api: httpx.AsyncClient, recorder: None) -> None:
    """Without an InfluxDB it fails as any replay; it says so, and keeps nothing."""
    await define(api, "asks", "stream|from().measurement('m')|log()")
    for path, more in (("query", {"query": "SELECT v FROM d.rp.m"}), ("batch", {"start": "2023-11-14T22:13:20Z"})):
        answer = await api.post(f"/replays/{path}", json={"id": f"asks_{path}", "task": "asks", **more, **DRY})
        if path == "batch":
            assert answer.status_code == 400
            continue
        assert answer.status_code == 201 and answer.json()["side-effects"] is False
        assert (await done(api, f"/replays/asks_{path}"))["status"] == "failed"
        assert await effects(api, f"asks_{path}") == []
