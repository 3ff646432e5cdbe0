"""Recordings over HTTP, with a recorder at work."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS, WRITES
from services.bus.subjects import command_subject, event_subject
from services.recorder.record import recording
from services.recorder.record.archive import BUCKET, Archive
from tests.support.nats import NatsServer
from tests.unit.services.recorder.conftest import StartRecorder

SCRIPT = "stream|from().measurement('m')|httpOut('out')"
STOP = "2023-11-14T22:15:00Z"
LATER = 1700009999


async def define(api: httpx.AsyncClient, id: str, script: str = SCRIPT, db: str = "db") -> None:
    task = {"id": id, "type": "stream", "dbrps": [{"db": db, "rp": "rp"}], "script": script, "status": "disabled"}
    answer = await api.post("/tasks", json=task)
    assert answer.status_code == 200, answer.text


async def write(api: httpx.AsyncClient, lines: str, db: str = "db", precision: str = "s") -> None:
    parameters = {"db": db, "rp": "rp", "precision": precision}
    assert (await api.post("/write", params=parameters, content=lines)).status_code == 204


async def record(api: httpx.AsyncClient, id: str, task: str, stop: str = STOP) -> None:
    answer = await api.post("/recordings/stream", json={"id": id, "task": task, "stop": stop})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "running"


async def done(api: httpx.AsyncClient, path: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until a recording or replay does not run any more."""
    deadline = time.monotonic() + seconds
    while (answer := await api.get(path)).status_code == 202:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.02)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def exported(api: httpx.AsyncClient, id: str) -> list[str]:
    """The points of a recording, as its file has them."""
    answer = await api.get(f"/recordings/{id}/file")
    assert answer.status_code == 200, answer.text
    return gzip.decompress(answer.content).decode().splitlines()[2::3]


async def test_a_recording_holds_its_measurements_until_a_later_point(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "until")
    await write(api, "m v=0 1700000000")
    await record(api, "until_r", "until")
    await write(api, 'm v=1 1700000001\nx v=2 1700000002\nm,a=b\\ c s="q, \\"w" 1700000003')
    await write(api, f"x v=3 {LATER}")
    await write(api, "m v=4 1700000004", db="other")
    assert (await api.get("/recordings/until_r")).status_code == 202
    await write(api, f"m v=5 1700000000\nm v=6 {LATER}\nm v=7 1700000005")
    shown = await done(api, "/recordings/until_r")
    assert (shown["status"], shown["error"], shown["progress"]) == ("finished", "", 1)
    assert shown["size"] > 0
    assert await exported(api, "until_r") == [
        "m v=1 1700000001000000000",
        'm,a=b\\ c s="q, \\"w" 1700000003000000000',
        "m v=5 1700000000000000000",
    ]


async def test_the_clock_ends_a_recording_whose_stop_was_to_come(
    api: httpx.AsyncClient, start_recorder: StartRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that no recorder worked on when its time came: what was written too late is not in it."""
    monkeypatch.setattr(recording, "_GRACE_NS", 10**9)
    await define(api, "clock")
    await define(api, "silent", db="silent_db")
    begun = time.time_ns()
    stop = str(np.datetime64(begun + 2 * 10**9, "ns")) + "Z"
    await record(api, "clock_r", "clock", stop)
    await record(api, "clock_s", "silent", stop)
    await write(api, f"m v=1 {begun}\nm v=2 1700000001000000000", precision="n")
    async with start_recorder():
        shown = await done(api, "/recordings/clock_s")
        assert (shown["status"], shown["size"]) == ("finished", 0)
        assert time.time_ns() > begun + 3 * 10**9
        assert (await done(api, "/recordings/clock_r"))["status"] == "finished"
        assert await exported(api, "clock_r") == [f"m v=1 {begun}", "m v=2 1700000001000000000"]


async def test_what_is_written_after_the_clock_has_ended_a_recording_is_not_in_it(
    api: httpx.AsyncClient, start_recorder: StartRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_GRACE_NS", 0)
    await define(api, "late")
    begun = time.time_ns()
    await record(api, "late_r", "late", str(np.datetime64(begun + 10**9, "ns")) + "Z")
    await write(api, "m v=1 1700000001")
    await asyncio.sleep((begun + 1.1 * 10**9 - time.time_ns()) / 1e9)
    await write(api, "m v=2 1700000002")
    async with start_recorder():
        assert (await done(api, "/recordings/late_r"))["status"] == "finished"
        assert await exported(api, "late_r") == ["m v=1 1700000001000000000"]


async def test_a_stop_of_the_past_is_ended_by_points_alone(
    api: httpx.AsyncClient, recorder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_GRACE_NS", 0)
    monkeypatch.setattr(recording, "_LOOK_SECONDS", 0.05)
    await define(api, "past")
    await record(api, "past_r", "past", str(np.datetime64(time.time_ns() - 10**9, "ns")) + "Z")
    await write(api, "m v=1 1700000001")
    await asyncio.sleep(0.5)  # in which a clock would have ended it
    assert (await api.get("/recordings/past_r")).status_code == 202
    await write(api, f"m v=2 1700000002\nm v=3 {time.time_ns() // 10**9 + 9}")
    assert (await done(api, "/recordings/past_r"))["status"] == "finished"
    assert await exported(api, "past_r") == [f"m v={i} 170000000{i}000000000" for i in (1, 2)]


async def test_a_recording_is_taken_up_by_another_recorder(
    api: httpx.AsyncClient, start_recorder: StartRecorder
) -> None:
    await define(api, "again")
    await record(api, "again_r", "again")
    async with start_recorder():
        await write(api, "m v=1 1700000001")
    await write(api, "m v=2 1700000002")
    assert (await api.get("/recordings/again_r")).json()["status"] == "running"
    async with start_recorder():
        await write(api, f"m v=3 1700000003\nm v=9 {LATER}")
        assert (await done(api, "/recordings/again_r"))["status"] == "finished"
        assert await exported(api, "again_r") == [f"m v={i} 170000000{i}000000000" for i in (1, 2, 3)]


async def test_a_recording_whose_writes_are_gone_fails(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder
) -> None:
    await define(api, "gone")
    await record(api, "gone_r", "gone")
    await write(api, "m v=1 1700000001")
    await write(api, "m v=2 1700000002")
    await bus._link.api("STREAM.PURGE.WRITES", {})
    async with start_recorder():
        shown = await done(api, "/recordings/gone_r")
    assert shown["status"] == "failed"
    assert "no longer holds the writes" in shown["error"]


async def test_writes_that_a_recording_does_not_want_may_go(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of its own comes for long, and the log drops what others have written: while it records, and between."""
    monkeypatch.setattr(recording, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(recording, "_SAVE_SECONDS", 0.0)
    await define(api, "quiet")
    await record(api, "quiet_r", "quiet")
    (info,) = [e async for e in facts(bus, "quiet_r")]
    archive = Archive(await bus.objects(BUCKET), info.seq)
    for number in (1, 2):
        async with start_recorder():
            for other in range(3):
                await write(api, f"m v={other}", db="other")
            last = await bus.last_sequence(WRITES)
            async with asyncio.timeout(30):
                while (await archive.contents()).position < last:
                    await asyncio.sleep(0.02)
            await bus._link.api("STREAM.PURGE.WRITES", {})
            await write(api, f"m v={number} 170000000{number}")
    async with start_recorder():
        await write(api, f"m v=9 {LATER}")
        assert (await done(api, "/recordings/quiet_r"))["status"] == "finished"
        assert await exported(api, "quiet_r") == [f"m v={i} 170000000{i}000000000" for i in (1, 2)]


async def facts(bus: Bus, id: str) -> AsyncIterator[Event]:
    """What is in the log about a recording."""
    async with bus.follow(EVENTS, [event_subject("recording", id, "defined")]) as follower:
        for message in await follower.batch():
            yield decode(message)


async def test_an_empty_recording_is_one_too(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "empty")
    answer = await api.post("/recordings/stream", json={"id": "empty_r", "task": "empty"})
    assert answer.status_code == 201
    await write(api, "m v=1 1700000000")
    assert (await done(api, "/recordings/empty_r"))["status"] == "finished"
    assert await exported(api, "empty_r") == []
    file = (await api.get("/recordings/empty_r/file")).content
    assert (await api.post("/recordings/import", params={"id": "empty_in"}, content=file)).status_code == 201
    assert (await done(api, "/recordings/empty_in"))["status"] == "finished"


async def test_nats_comes_and_goes(api: httpx.AsyncClient, nats_server: NatsServer, recorder: None) -> None:
    await define(api, "nats")
    await record(api, "nats_r", "nats")
    await write(api, "m v=1 1700000001")
    for number in (2, 3):
        await nats_server.restart(kill=True)
        async with asyncio.timeout(20):
            parameters = {"db": "db", "rp": "rp", "precision": "s"}
            line = f"m v={number} 170000000{number}"
            while (await api.post("/write", params=parameters, content=line)).status_code != 204:
                await asyncio.sleep(0.1)
    await write(api, f"m v=9 {LATER}")
    assert (await done(api, "/recordings/nats_r"))["status"] == "finished"
    points = await exported(api, "nats_r")
    # a write that was not acknowledged may be there all the same, and is repeated
    assert list(dict.fromkeys(points)) == [f"m v={i} 170000000{i}000000000" for i in (1, 2, 3)]


async def test_a_deleted_recording_stops_and_leaves_nothing(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "del")
    await record(api, "del_r", "del")
    await write(api, f"m v=1 1700000001\nm v=9 {LATER}")
    await done(api, "/recordings/del_r")
    objects = await bus.objects("tickbus-recordings")
    before = {info.name for info in await objects.list()}
    await record(api, "del_running", "del")
    for id in ("del_r", "del_running", "del_r"):
        assert (await api.delete(f"/recordings/{id}")).status_code == 204
    gone = await api.get("/recordings/del_r")
    assert (gone.status_code, gone.json()) == (500, {"error": "error finding recording: no recording exists"})
    async with asyncio.timeout(30):
        while len({info.name for info in await objects.list()} & before) > len(before) - 2:
            await asyncio.sleep(0.02)
    await record(api, "del_r", "del")
    await write(api, f"m v=2 1700000002\nm v=9 {LATER}")
    await done(api, "/recordings/del_r")
    assert await exported(api, "del_r") == ["m v=2 1700000002000000000"]


async def test_progress_and_size_move_while_it_records(
    api: httpx.AsyncClient, recorder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recorder.progress.EVERY_SECONDS", 0.1)
    await define(api, "moves")
    await record(api, "moves_r", "moves", stop="1970-01-01T00:01:40Z")
    await write(api, "m v=1 0\nm v=2 50")
    async with asyncio.timeout(30):
        while (await api.get("/recordings/moves_r")).json()["progress"] != 0.5:
            await asyncio.sleep(0.02)
    listed = (await api.get("/recordings", params={"pattern": "moves_*", "fields": "progress"})).json()
    assert listed["recordings"][0]["progress"] == 0.5
    await write(api, "m v=9 101")
    assert (await done(api, "/recordings/moves_r"))["progress"] == 1


async def test_a_file_is_taken_in_and_given_out(api: httpx.AsyncClient, recorder: None) -> None:
    points = ["m,host=a v=1 1700000000000000000", 'odd\\ name s="two\nlines",v=2i 1700000001000000001']
    file = gzip.compress("".join(f"db\nrp\n{point}\n" for point in points).encode())
    answer = await api.post("/recordings/import", params={"id": "in"}, content=file)
    assert answer.status_code == 201, answer.text
    assert (await done(api, "/recordings/in"))["status"] == "finished"
    out = (await api.get("/recordings/in/file")).content
    assert gzip.decompress(out) == gzip.decompress(file)


@pytest.mark.parametrize(
    ("id", "text", "error"),
    [
        ("bad1", b"db\nrp\n", "expected another line"),
        ("bad2", b"db\nrp\nm v=1\n", "has no time"),
        ("bad3", b"db\nrp\nm v= 1\n", "missing field value"),
    ],
)
async def test_a_file_that_is_none_fails(
    api: httpx.AsyncClient, recorder: None, id: str, text: bytes, error: str
) -> None:
    assert (await api.post("/recordings/import", params={"id": id}, content=text)).status_code == 400
    assert (await api.post("/recordings/import", params={"id": id}, content=gzip.compress(text))).status_code == 201
    shown = await done(api, f"/recordings/{id}")
    assert shown["status"] == "failed"
    assert error in shown["error"]


async def test_what_is_refused(api: httpx.AsyncClient) -> None:
    await define(api, "refused")
    await record(api, "refused_r", "refused")
    for path, body, status, error in [
        ("stream", {"id": "refused_r", "task": "refused"}, 500, "recording already exists"),
        ("stream", {"task": "nowhere"}, 404, "no task exists"),
        ("stream", {"task": "refused", "stop": "soon"}, 400, "invalid time: not an RFC 3339 time: 'soon'"),
        ("stream", {"task": 7}, 400, "invalid JSON"),
        ("stream", {"id": "x" * 10_000, "task": "refused"}, 400, "recording ID is too long"),
        ("batch", {}, 400, "must provide start time"),
        ("batch", {"start": STOP}, 404, "no task exists"),
        ("query", {"type": "both", "query": "SELECT 1"}, 400, "unknown TaskType both"),
        ("query", {"query": "SELECT 1"}, 400, "must provide type"),
        ("query", {"type": "batch"}, 400, "must provide query"),
    ]:
        answer = await api.post(f"/recordings/{path}", json=body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.json()["error"].startswith(error)
    assert (await api.post("/recordings", json={})).status_code == 404
    assert (await api.post("/recordings/nosuch", json={})).status_code == 404
    assert (await api.get("/recordings/refused_r/file")).status_code == 409


async def test_ten_at_once_make_one(api: httpx.AsyncClient) -> None:
    await define(api, "ten")
    body = {"id": "ten_r", "task": "ten"}
    answers = await asyncio.gather(*(api.post("/recordings/stream", json=body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [500] * 9


async def test_the_bus_has_the_same_commands(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "bus")

    async def command(verb: str, question: Any) -> Any:
        return orjson.loads(await bus.request(command_subject("recording", verb), orjson.dumps(question)))

    made = await command("stream", {"id": "bus_r", "task": "bus", "stop": STOP})
    assert (made["status"], made["body"]["id"]) == (201, "bus_r")
    assert (await command("stream", {"task": "nowhere"})) == {"status": 404, "body": {"error": "no task exists"}}
    assert (await command("get", {"id": "bus_r"}))["status"] == 202
    assert [r["id"] for r in (await command("list", {"pattern": "bus_*"}))["body"]["recordings"]] == ["bus_r"]
    assert await command("delete", {"id": "bus_r"}) == {"status": 204, "body": None}
    assert (await command("get", {"id": "bus_r"}))["status"] == 500
