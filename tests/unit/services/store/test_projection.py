"""Projections of a real stream into a real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.bus.errors import BusUnavailable
from services.bus.events import Event, decode, encode
from services.bus.follow import StoredMessage
from services.process.flight_recorder import FLIGHT_RECORDER, FatalMessage
from services.store.folds.state import Change, State
from services.store.projection import Projection
from services.store.store import Store
from tests.support.nats import NatsServer

SUBJECTS = ["tickbus.event.task.>"]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    connection = await Bus.connect(nats_server.url)
    await connection.ensure_streams()
    await connection._link.api("STREAM.PURGE.EVENTS")
    yield connection
    await connection.close()


async def happens(bus: Bus, id: str, what: str, **data: object) -> int:
    event = Event("task", id, what, dict(data), time.time_ns())
    headers, body = encode(event)
    return (await bus.publish(event.subject, body, headers)).seq


def fold(state: State, event: Event) -> None:
    if event.what == "defined":
        state.put("tasks", event.id, event.data)
        state.put("count", "defined", (state.get("count", "defined") or 0) + 1)
    elif event.what == "deleted":
        state.delete("tasks", event.id)
    elif event.what == "broken":
        state.put("tasks", "half done", {})
        state.delete("tasks", event.id)
        raise RuntimeError("the fold fails")


async def started(store: Store, bus: Bus) -> Projection[Event]:
    projection = Projection(store, fold, "EVENTS", save_seconds=0.02)
    await projection.start(bus, SUBJECTS, decode)
    return projection


async def test_it_shows_what_was_written(bus: Bus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "gateway") as store:
        await happens(bus, "before", "defined", script="x")
        projection = await started(store, bus)
        assert projection.state.get("tasks", "before") == {"script": "x"}
        changes: list[Change] = []
        projection.on_change(changes.extend)
        seq = await happens(bus, "a", "defined", n=1)
        with pytest.raises(TimeoutError):
            await projection.reached(seq + 1, 0.05)
        await projection.reached(seq, 5)
        assert projection.position == seq
        assert Change("tasks", "a", None, {"n": 1}, seq) in changes
        seq = await happens(bus, "a", "deleted")
        await asyncio.gather(*(projection.reached(seq, 5) for _ in range(5)))
        assert changes[-1] == Change("tasks", "a", {"n": 1}, None, seq)
        assert dict(projection.state.bucket("tasks")) == {"before": {"script": "x"}}
        await projection.stop()


async def test_who_waits_is_broken_off_though_it_comes_in_the_same_turn(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "gateway") as store:
        projection = Projection(store, fold, "EVENTS")
        projection.load("log", 0)
        waiting = asyncio.create_task(projection.reached(1, 5))
        await asyncio.sleep(0)
        projection.apply([(1, Event("task", "a", "defined", {}, 1))])
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_what_cannot_be_folded_is_skipped_and_leaves_no_trace(bus: Bus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "gateway") as store:
        projection = await started(store, bus)
        await happens(bus, "a", "defined")
        await happens(bus, "a", "broken")
        ack = await bus.publish("tickbus.event.task.a.garbage", b"{{{{")
        await projection.reached(ack.seq, 5)
        assert projection.skipped == 2 and dict(projection.state.bucket("tasks")) == {"a": {}}
        await projection.stop()


async def test_what_was_skipped_is_kept_with_the_reason(bus: Bus, tmp_path: Path) -> None:
    """Also what processes died in: it is not touched again."""

    def careless(message: StoredMessage) -> Event:
        event = decode(message)
        assert event.what != "deadly", "it is not to be read again"
        if event.what == "odd":
            raise TypeError("of a future version")
        return event

    deadly = await happens(bus, "a", "deadly")
    FLIGHT_RECORDER.aside["EVENTS"][deadly] = FatalMessage("set aside: gateway died in it")
    try:
        with Store.open(tmp_path / "s", "gateway") as store:
            projection = Projection(store, fold, "EVENTS", save_seconds=0.02)
            await projection.start(bus, SUBJECTS, careless)
            odd, broken = await happens(bus, "a", "odd"), await happens(bus, "a", "broken")
            await projection.reached(await happens(bus, "a", "defined"), 5)
            assert projection.skipped == 3 and dict(projection.state.bucket("tasks")) == {"a": {}}
            async with asyncio.timeout(10):
                while len(letters := await bus.dead_letters.all()) < 3:
                    await asyncio.sleep(0.02)
            why = {letter.seq: letter.why for letter in letters if letter.stream == "EVENTS"}
            assert why[deadly] == "a message is no event: set aside: gateway died in it"
            assert why[odd] == "a message is no event: of a future version"
            assert why[broken] == "an event cannot be folded: the fold fails"
            await projection.stop()
    finally:
        FLIGHT_RECORDER.aside.clear()


async def test_a_start_goes_on_from_what_was_saved(bus: Bus, tmp_path: Path) -> None:
    path = tmp_path / "s"
    for number in range(20):
        await happens(bus, f"task {number}", "defined", n=number)
    with Store.open(path, "gateway") as store:
        projection = await started(store, bus)
        whole = dict(projection.state.bucket("tasks"))
        await projection.stop()
    assert len(whole) == 20
    with Store.open(path, "gateway") as store:
        reloaded = Projection(store, fold, "EVENTS")
        state = await bus.stream_state("EVENTS")
        reloaded.load(state.created, state.last_seq)
        assert reloaded.position == state.last_seq and dict(reloaded.state.bucket("tasks")) == whole
    with Store.open(path, "gateway") as store:
        seq = await happens(bus, "task 0", "deleted")
        projection = await started(store, bus)
        assert projection.position == seq and projection.state.get("count", "defined") == 20
        assert "task 0" not in projection.state.bucket("tasks")
        await projection.stop()
    path.unlink()
    with Store.open(path, "gateway") as store:
        projection = await started(store, bus)
        assert projection.state.get("count", "defined") == 20 and len(projection.state.bucket("tasks")) == 19
        await projection.stop()


async def test_saved_state_of_another_log_is_rebuilt(bus: Bus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "gateway") as store:
        await happens(bus, "old", "defined")
        projection = await started(store, bus)
        await projection.stop()
        await bus._link.api("STREAM.DELETE.EVENTS")
        await bus.ensure_streams()
        for number in range(5):
            await happens(bus, f"new {number}", "defined")
        projection = await started(store, bus)
        assert sorted(projection.state.bucket("tasks")) == [f"new {number}" for number in range(5)]
        await projection.stop()


async def test_it_goes_on_over_a_restart_of_nats(bus: Bus, tmp_path: Path, nats_server: NatsServer) -> None:
    with Store.open(tmp_path / "s", "gateway") as store:
        projection = await started(store, bus)
        await happens(bus, "a", "defined")
        await nats_server.restart(kill=True)
        while True:
            try:
                seq = await happens(bus, "b", "defined")
                break
            except BusUnavailable:
                await asyncio.sleep(0.02)
        await projection.reached(seq, 10)
        assert {"a", "b"} <= set(projection.state.bucket("tasks"))
        await projection.stop()


async def test_a_log_that_was_made_anew_under_it(bus: Bus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "gateway") as store:
        projection = await started(store, bus)
        for id in ("gone", "other", "same"):
            await projection.reached(await happens(bus, id, "defined", n=1), 5)
        changes: list[Change] = []
        projection.on_change(changes.extend)
        await bus._link.api("STREAM.DELETE.EVENTS")
        await bus.ensure_streams()
        for id, n in (("other", 2), ("same", 1)):
            await happens(bus, id, "defined", n=n)
        async with asyncio.timeout(30):
            while not changes:
                await asyncio.sleep(0.01)
        seq = await happens(bus, "later", "defined", n=1)
        await projection.reached(seq, 5)
        assert dict(projection.state.bucket("tasks")) == {"other": {"n": 2}, "same": {"n": 1}, "later": {"n": 1}}
        told = [(c.key, c.before, c.after) for c in changes if c.bucket == "tasks"]
        assert told == [("gone", {"n": 1}, None), ("other", {"n": 1}, {"n": 2}), ("later", None, {"n": 1})]
        await projection.stop()
    with Store.open(tmp_path / "s", "gateway") as store:
        projection = await started(store, bus)
        assert projection.state.get("count", "defined") == 3
        await projection.stop()
