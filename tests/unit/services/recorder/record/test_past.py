"""Recordings of streams that start in the past, over HTTP, with a recorder at work."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from grammar.golang.times import format_rfc3339
from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.recorder.record import recording
from tests.unit.services.recorder.conftest import StartRecorder
from tests.unit.services.recorder.record.test_recordings import define, done, exported, write

HOUR = 3600 * 10**9


@pytest.fixture(autouse=True)
async def task(api: httpx.AsyncClient) -> None:
    """The task `past`; made by the first test."""
    if (await api.get("/tasks/past")).status_code == 404:
        await define(api, "past")


async def moment() -> int:
    """A time, ns, that all that was written is before and all that will be is behind."""
    await asyncio.sleep(0.005)
    now = time.time_ns()
    await asyncio.sleep(0.005)
    return now


async def record(api: httpx.AsyncClient, id: str, start: int, stop: int | None = None) -> None:
    body = {"id": id, "task": "past", "start": format_rfc3339(start)}
    if stop is not None:
        body["stop"] = format_rfc3339(stop)
    answer = await api.post("/recordings/stream", json=body)
    assert answer.status_code == 201, answer.text


def line(value: int, at: int) -> str:
    return f"m v={value} {at}"


async def test_it_holds_what_one_would_that_had_been_asked_for_then(
    api: httpx.AsyncClient, recorder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_GRACE_NS", 0)
    begun = await moment()
    lines = [line(0, begun), f"other v=1 {begun}"]
    await write(api, "\n".join(lines), precision="n")
    start = await moment()
    # by when it was written it counts, whatever time it has: here an hour before
    await write(api, line(1, begun - HOUR), precision="n")
    await write(api, f"{line(2, start)}\nother v=1 {start}", precision="n")
    stop = await moment()
    await write(api, line(3, start), precision="n")
    await record(api, "past_a", start, stop)
    shown = await done(api, "/recordings/past_a")
    assert (shown["status"], shown["error"], shown["progress"]) == ("finished", "", 1)
    assert await exported(api, "past_a") == [line(1, begun - HOUR), line(2, start)]


async def test_what_was_measured_before_the_stop_and_sent_late_is_in_it_up_to_a_later_point(
    api: httpx.AsyncClient, recorder: None
) -> None:
    start = await moment()
    await write(api, line(1, start), precision="n")
    stop = await moment()
    await write(api, line(2, start), precision="n")
    await write(api, line(3, stop + 1), precision="n")
    await write(api, line(4, start), precision="n")
    await record(api, "past_b", start, stop)
    assert (await done(api, "/recordings/past_b"))["status"] == "finished", "before its 15 s are over"
    assert await exported(api, "past_b") == [line(1, start), line(2, start)]


async def test_without_a_stop_it_ends_now_and_one_to_come_is_waited_for(
    api: httpx.AsyncClient, start_recorder: StartRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_GRACE_NS", 0)
    start = await moment()
    await write(api, line(1, start), precision="n")
    await record(api, "past_c", start)
    later = time.time_ns() + 10**9
    await record(api, "past_d", start, later)
    await moment()
    await write(api, line(2, start), precision="n")
    async with start_recorder():
        for id in ("past_c", "past_d"):
            assert (await done(api, f"/recordings/{id}"))["status"] == "finished"
        assert time.time_ns() > later
        assert await exported(api, "past_c") == [line(1, start)]
        assert await exported(api, "past_d") == [line(1, start), line(2, start)]
        # and it is one as any other
        await record(api, "past_e", start, start + 1)
        assert (await done(api, "/recordings/past_e"))["size"] == 0


@pytest.mark.parametrize(
    ("span", "error"),
    [
        ({"start": "2100-01-01T00:00:00Z"}, "start: must have passed"),
        ({"start": "2023-01-01T00:00:00Z", "stop": "2023-01-01T00:00:00Z"}, "stop: must be later than start"),
        ({"start": "soon"}, "invalid time: "),
    ],
)
async def test_what_is_refused(api: httpx.AsyncClient, span: dict[str, str], error: str) -> None:
    answer = await api.post("/recordings/stream", json={"task": "past", **span})
    assert answer.status_code == 400 and answer.json()["error"].startswith(error)
    assert not [r for r in (await api.get("/recordings")).json()["recordings"] if r["status"] == "running"]


async def test_what_the_log_holds_no_more_is_told(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    start = await moment()
    for value in range(3):
        await write(api, line(value, start), precision="n")
    last = await bus.last_sequence(WRITES)
    await bus._link.api("STREAM.PURGE.WRITES", {"seq": last})
    kept = await bus.get_message(WRITES, last)
    assert kept is not None
    answer = await api.post("/recordings/stream", json={"task": "past", "start": format_rfc3339(start)})
    since = format_rfc3339(kept.time_ns)
    assert answer.status_code == 400
    assert answer.json() == {"error": f"start: the log holds only what was written since {since}"}
    body = {"id": "past_f", "task": "past", "start": since, "stop": format_rfc3339(start + 1)}
    assert (await api.post("/recordings/stream", json=body)).json()["error"] == "stop: must be later than start"
    await bus._link.api("STREAM.PURGE.WRITES", {})
    answer = await api.post("/recordings/stream", json={"task": "past", "start": since})
    assert answer.status_code == 400 and "the log holds only" in answer.json()["error"]
