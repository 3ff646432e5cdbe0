"""Recordings and replays that are damaged, or that recorders do not survive: they fail, in bounded tries."""

from __future__ import annotations

import asyncio

import httpx

from services.bus.buckets.suspects import TRIES, Suspects
from services.bus.connection import Bus
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.process.flight_recorder import EVERYWHERE, RecordedWork
from services.recorder.record.archive import BUCKET as ARCHIVE
from services.recorder.tries import counted
from services.store.folds.recordings import RecordingRecord, fold, recording_of
from services.store.folds.state import State
from tests.unit.services.recorder.conftest import StartRecorder
from tests.unit.services.recorder.record.test_recordings import LATER, define, done, record, write


async def _sequence(bus: Bus, id: str) -> int:
    """Of the event that defined a recording."""
    return await bus.last_subject_sequence(f"tickbus.event.recording.{id}.defined")


def _defined(id: str, seq: int) -> RecordingRecord:
    state = State()
    fold(state, Event("recording", id, "defined", {"type": "stream", "source": "stream"}, 0, EventsSeq(seq)))
    found = recording_of(state, id)
    assert found is not None
    return found


async def test_a_recording_whose_list_is_damaged(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder
) -> None:
    await define(api, "damaged")
    await record(api, "damaged_r", "damaged")
    store = await bus.objects(ARCHIVE)
    await store.put(f"{await _sequence(bus, 'damaged_r')}/list", b"garbage")
    async with start_recorder():
        body = await done(api, "/recordings/damaged_r")
        assert body["status"] == "failed" and "damaged recording" in body["error"]
        assert (await api.delete("/recordings/damaged_r")).status_code == 204
        async with asyncio.timeout(20):
            while await store.list():
                await asyncio.sleep(0.05)


async def test_a_replay_of_what_is_damaged(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "lost")
    await record(api, "lost_r", "lost")
    await write(api, f"m v=1 1700000001\nm v=9 {LATER}")
    assert (await done(api, "/recordings/lost_r"))["status"] == "finished"
    prefix = f"{await _sequence(bus, 'lost_r')}"
    store = await bus.objects(ARCHIVE)
    replays = []
    for number, break_it in enumerate((store.put(f"{prefix}/0", b"garbage"), store.delete(f"{prefix}/0"))):
        await break_it
        replays.append(f"lost{number}")
        asked = {"id": replays[-1], "task": "lost", "recording": "lost_r", "recording-time": True}
        assert (await api.post("/replays", json=asked)).status_code == 201
        body = await done(api, f"/replays/{replays[-1]}")
        assert body["status"] == "failed" and "damaged" in body["error"]


async def test_a_recording_that_recorders_die_in(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder
) -> None:
    await define(api, "deadly")
    await record(api, "deadly_r", "deadly")
    suspects = await Suspects.open(bus)
    what = {"kind": "recording", "id": "deadly_r", "run": await _sequence(bus, "deadly_r")}
    for _ in range(TRIES - 1):
        await suspects.add(RecordedWork(what, 0, 0), False, "recorder")
    async with start_recorder():
        async with asyncio.timeout(20):
            while (found := await suspects.of("recording", "deadly_r")) is None or found.deaths < TRIES:
                await asyncio.sleep(0.02)
        assert (await api.get("/recordings/deadly_r")).json()["status"] == "running"
        # as where the bus goes away in the middle, and the same recorder takes it up again
        async with counted(suspects, _defined("deadly_r", what["run"]), 0, found.by):
            assert await suspects.of("recording", "deadly_r") == found
        assert await suspects.of("recording", "deadly_r") is None
    assert await suspects.of("recording", "deadly_r") is None, "a recorder that ends in order has not died in it"
    for _ in range(TRIES):
        await suspects.add(RecordedWork(what, 0, 0), False, "recorder")
    async with start_recorder():
        body = await done(api, "/recordings/deadly_r")
        assert body["status"] == "failed" and "died in it" in body["error"]
    assert await suspects.of("recording", "deadly_r") is None


async def test_a_replay_that_a_recorder_hung_in(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder
) -> None:
    await define(api, "hang")
    async with start_recorder():
        await record(api, "hang_r", "hang")
        await write(api, f"m v=1 1700000001\nm v=9 {LATER}")
        await done(api, "/recordings/hang_r")
    asked = {"id": "hang1", "task": "hang", "recording": "hang_r", "recording-time": True}
    assert (await api.post("/replays", json=asked)).status_code == 201
    suspects = await Suspects.open(bus)
    await suspects.add(RecordedWork({"kind": "replay", "id": "hang1", "run": 0}, *EVERYWHERE), True, "recorder")
    async with start_recorder():
        body = await done(api, "/replays/hang1")
        assert body["status"] == "failed" and "step-limit" in body["error"]
