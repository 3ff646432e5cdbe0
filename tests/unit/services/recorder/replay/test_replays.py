"""Replays over HTTP, with a recorder at work."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.streams import ALERTS
from services.bus.subjects import alert_subject, command_subject
from tests.support.alerts import sink
from tests.unit.services.recorder.conftest import StartRecorder
from tests.unit.services.recorder.record.test_recordings import LATER, define, done, record, write

START = 1700000000


@pytest.fixture(autouse=True)
async def recorded(api: httpx.AsyncClient, nats_server: Any) -> None:
    """A recording `rec` of 30 points of m, one a second, in three writes; made by the first test that needs it."""
    if (await api.get("/recordings", params={"pattern": "rec"})).json()["recordings"]:
        return
    await define(api, "source")
    await record(api, "rec", "source")
    for begin in (0, 10, 20):
        await write(api, "\n".join(f"m,host=h{i % 2} v={i} {START + i}" for i in range(begin, begin + 10)))
    await write(api, f"m v=9 {LATER}")


async def replay(api: httpx.AsyncClient, id: str, task: str, **more: Any) -> None:
    await done(api, "/recordings/rec")
    answer = await api.post("/replays", json={"id": id, "task": task, "recording": "rec", **more})
    assert answer.status_code == 201, answer.text
    assert answer.json() | {"date": ""} == {
        "link": {"rel": "self", "href": f"/kapacitor/v1/replays/{id}"},
        "id": id,
        "task": task,
        "recording": "rec",
        "recording-time": False,
        "clock": "fast",
        "date": "",
        "error": "",
        "status": "running",
        "progress": 0,
        "stats": {},
        **more,
    }


async def alerts(bus: Bus, topic: str) -> list[dict[str, Any]]:
    """All messages of a topic."""
    found: list[dict[str, Any]] = []
    async with bus.follow(ALERTS, [alert_subject(topic)]) as follower:
        left = await follower.lag()
        while left:
            found += [orjson.loads(message.data) for message in await follower.batch()]
            left = follower.pending
    return found


async def test_replays_run_side_by_side_each_for_itself(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    script = """stream|from().measurement('m')|stateCount(lambda: TRUE)|alert().id('x').crit(lambda: TRUE)
        .message('{{ .TaskName }} {{ index .Fields "state_count" }}').log('/nowhere')"""
    await define(api, "side", script)
    ids = [f"side_{i}" for i in range(5)]
    await asyncio.gather(*(replay(api, id, "side", **{"recording-time": True}) for id in ids))
    for id in ids:
        shown = await done(api, f"/replays/{id}")
        assert (shown["status"], shown["error"], shown["progress"]) == ("finished", "", 1)
        assert shown["stats"]["node-stats"]["alert3"]["alerts_triggered"] == 30
        messages = await alerts(bus, f"{id}:side:alert3")
        assert [text for m in messages for text in m["messages"]] == [f"side {i}" for i in range(1, 31)]
        assert {m["replay"] for m in messages} == {id}
        assert [t for m in messages for t in m["time"]] == [(START + i) * 10**9 for i in range(30)]
    assert not await alerts(bus, "main:side:alert3")


async def test_without_recording_time_points_begin_now(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "now", "stream|from().measurement('m')|alert().id('x').crit(lambda: TRUE).topic('now')")
    before = time.time_ns()
    await replay(api, "now_p", "now")
    await done(api, "/replays/now_p")
    times = [t for m in await alerts(bus, "now") for t in m["time"]]
    assert before < times[0] < time.time_ns()
    assert [t - times[0] for t in times] == [i * 10**9 for i in range(30)]


async def test_the_real_clock_takes_its_time(
    api: httpx.AsyncClient, bus: Bus, recorder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recorder.progress.EVERY_SECONDS", 1.0)
    await define(api, "real", "stream|from().measurement('m')|alert().id('x').crit(lambda: TRUE).topic('real')")
    await replay(api, "real_p", "real", clock="real", **{"recording-time": True})
    async with asyncio.timeout(30):
        while (shown := (await api.get("/replays/real_p")).json())["progress"] < 0.03:
            await asyncio.sleep(0.05)
    assert shown["status"] == "running"
    assert shown["progress"] < 0.2
    task = (await api.get("/tasks/real", params={"replay-id": "real_p"})).json()
    assert task["executing"]
    assert 1 <= task["stats"]["node-stats"]["from1"]["collected"] < 10
    assert not (await api.get("/tasks/real")).json()["executing"]
    other = await api.get("/tasks/source", params={"replay-id": "real_p"})
    assert (other.status_code, other.json()) == (400, {"error": "replay real_p is not for task: source"})
    assert (await api.delete("/replays/real_p")).status_code == 204
    assert (await api.get("/replays/real_p")).status_code == 404
    sent = len(await alerts(bus, "real"))
    await asyncio.sleep(1.3)
    assert len(await alerts(bus, "real")) == sent < 10


async def test_a_replay_begun_anew_says_the_same(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder
) -> None:
    await define(api, "anew", "stream|from().measurement('m')|alert().id('x').crit(lambda: TRUE).log('/nowhere')")
    async with start_recorder():
        await replay(api, "anew_p", "anew", clock="real", **{"recording-time": True})
        async with asyncio.timeout(30):
            while len(before := await alerts(bus, "anew_p:anew:alert2")) < 2:
                await asyncio.sleep(0.05)
    async with start_recorder(), asyncio.timeout(30):
        while len(after := await alerts(bus, "anew_p:anew:alert2")) < len(before) + 2:
            await asyncio.sleep(0.05)
        await api.delete("/replays/anew_p")
    identity = [(m["started"], *row) for m in before for row in zip(m["seq"], m["row"], m["ordinal"], strict=True)]
    again = [(m["started"], *row) for m in after for row in zip(m["seq"], m["row"], m["ordinal"], strict=True)]
    assert again[len(identity) : 2 * len(identity)] == identity


async def test_the_end_flushes_join_and_not_window(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    script = """var a = stream|from().measurement('m').where(lambda: "host" == 'h0')
        var b = stream|from().measurement('m').where(lambda: "host" == 'h1')
        a|join(b).as('a', 'b').fill(0.0)|alert().id('x').crit(lambda: TRUE).topic('flush_join')
        a|window().period(1m).every(1m)|count('v')|alert().id('x').crit(lambda: TRUE).topic('flush_window')"""
    await define(api, "flush", script)
    await replay(api, "flush_p", "flush", **{"recording-time": True})
    assert (await done(api, "/replays/flush_p"))["error"] == ""
    times = [t for m in await alerts(bus, "flush_join") for t in m["time"]]
    assert times == [(START + i) * 10**9 for i in range(30)]
    assert not await alerts(bus, "flush_window")


async def test_the_clock_of_a_fast_replay_is_that_of_its_points(
    api: httpx.AsyncClient, bus: Bus, recorder: None
) -> None:
    script = """stream|from().measurement('m')|stats(10s)|alert().id('x').crit(lambda: TRUE).topic('ticks')
        .message('{{ index .Fields "emitted" }}')"""
    await define(api, "ticks", script)
    await replay(api, "ticks_p", "ticks", **{"recording-time": True})
    assert (await done(api, "/replays/ticks_p"))["error"] == ""
    found = [(t, text) for m in await alerts(bus, "ticks") for t, text in zip(m["time"], m["messages"], strict=True)]
    assert found == [((START + 10) * 10**9, "10"), ((START + 20) * 10**9, "20")]


async def test_a_replay_waits_for_what_is_done_outside(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    async with sink() as web:
        script = f"""stream|from().measurement('m')|httpPost('{web.url}').codeField('code')
            |alert().id('x').crit(lambda: "code" == 204).topic('posted')"""
        await define(api, "posted", script)
        await replay(api, "posted_p", "posted", **{"recording-time": True})
        assert (await done(api, "/replays/posted_p"))["error"] == ""
        assert len(web.posts) == 30
    assert sum(len(m["time"]) for m in await alerts(bus, "posted")) == 30


async def test_a_task_that_breaks_fails_the_replay(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "breaks", "stream|from().measurement('m')|alert().id('{{ index .Fields 1 }}').crit(lambda: TRUE)")
    await replay(api, "breaks_p", "breaks")
    shown = await done(api, "/replays/breaks_p")
    assert (shown["status"], shown["progress"]) == ("failed", 1)
    assert shown["error"].startswith("task run: ")
    await define(api, "cannot", "stream|from().measurement('m')|window()")
    await replay(api, "cannot_p", "cannot")
    assert (await done(api, "/replays/cannot_p"))["error"].startswith("task start: ")


async def test_a_recording_that_only_lacks_its_end_is_given_a_moment(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "soon", "stream|from().measurement('m')|log()")
    await record(api, "soon_r", "soon")
    answer = await api.post("/replays", json={"id": "soon_p", "task": "soon", "recording": "soon_r"})
    assert answer.status_code == 201
    await write(api, f"m v=1 {START}\nm v=9 {LATER}")
    shown = await done(api, "/replays/soon_p")
    assert (shown["status"], shown["error"]) == ("finished", "")
    assert shown["stats"]["node-stats"]["log2"]["collected"] == 1


async def test_what_is_refused(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "refused")
    await replay(api, "refused_p", "refused")
    good = {"task": "refused", "recording": "rec"}
    for path, body, status, error in [
        ("", good | {"id": "refused_p"}, 500, "replay already exists"),
        ("", good | {"task": "nowhere"}, 404, "task load: no task exists"),
        ("", good | {"recording": "nowhere"}, 404, "recording not found: no recording exists"),
        ("", good | {"clock": "slow"}, 400, "unknown Clock slow"),
        ("", good | {"recording-time": "perhaps"}, 400, "invalid JSON"),
        ("/batch", good | {"start": "2023-11-14T22:15:00Z"}, 400, "cannot replay batch against stream task: refused"),
        ("/query", good, 400, "must provide query"),
    ]:
        answer = await api.post(f"/replays{path}", json=body)
        assert (answer.status_code, answer.json()) == (status, {"error": error}), body


async def test_the_bus_has_the_same_commands(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "bus")
    await done(api, "/recordings/rec")

    async def command(verb: str, question: Any) -> Any:
        return orjson.loads(await bus.request(command_subject("replay", verb), orjson.dumps(question)))

    made = await command("create", {"id": "bus_p", "task": "bus", "recording": "rec"})
    assert (made["status"], made["body"]["status"]) == (201, "running")
    await done(api, "/replays/bus_p")
    listed = await command("list", {"pattern": "bus_*", "fields": ["status"]})
    assert [r["status"] for r in listed["body"]["replays"]] == ["finished"]
    assert await command("delete", {"id": "bus_p"}) == {"status": 204, "body": None}
    assert (await command("get", {"id": "bus_p"}))["status"] == 404
