"""States of the past on a real nats-server: kept once each, found by others, and dropped with the log."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import WRITES
from services.dryrun import state_history
from services.dryrun.state_history import StateHistory
from services.engine.states.history import keeper
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.records import BEGIN, DUE, END, PAUSE
from services.store.store import Store
from tests.support.history import SECONDS, KeptTasks
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

Start = Callable[..., contextlib.AbstractAsyncContextManager[KeptTasks]]

MEANS = (
    "stream|from().measurement('m').groupBy('host')|window().period(1h).every(1h)|mean('x')|alert().crit(lambda: TRUE)"
)
COUNTS = "stream|from().measurement('m').groupBy('host')|stateCount(lambda: TRUE)"
DEADMAN = "stream|from().measurement('m').groupBy('host')|deadman(1.0, 10s)"


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.fixture
def start(bus: Bus, tmp_path: Path) -> Start:
    """Starts what stands for a worker, with a store of its own, by name."""

    @contextlib.asynccontextmanager
    async def start(name: str = "one", every: float = 0.05, most_bytes: int = 0) -> AsyncIterator[KeptTasks]:
        with Store.open(tmp_path / name, "test", durable=False) as store:
            async with KeptTasks(bus, store, await WritesLog.open(bus), every, most_bytes) as worker:
                yield worker

    return start


def lines(hosts: range, value: float = 1.0) -> str:
    return "\n".join(f"m,host=h{host} x={value} {1_700_000_000 + host}" for host in hosts)


async def test_what_has_not_changed_is_stored_once(start: Start, bus: Bus) -> None:
    async with start() as worker:
        await worker.start("once", MEANS)
        first, _ = await worker.write(lines(range(20_000)))
        await worker.save()
        *_, whole = await worker.kept_at("once", first)
        before = worker.keeper.figures()["bytes"]
        second, _ = await worker.write(lines(range(5), 2.0))
        await worker.save()
        points = await worker.kept_at("once", second)
        added = worker.keeper.figures()["bytes"] - before
        assert [point.why for point in points] == [BEGIN, DUE, DUE]
        assert whole.size > 1_000_000
        assert added < whole.size / 2
        stored = await HistoryBucket.open(bus)
        assert {(point.mark, digest) for point in points for digest in point.chunks} == await stored.chunks("once")

        # what is written to others moves the place, and the state stays the one that stands there
        worker.tasks["once"].reached = WritesSeq(second + 100)
        await worker.save()
        points = await worker.kept_at("once", second + 100)
        assert len(points) == 3 and points[-1].position == second
        kept = await worker.history.nearest("once", WritesSeq(second + 50))
        assert kept is not None and kept.position == second + 50
        assert (await worker.history.listed())[-1].states == 3


async def test_beginnings_ends_and_pauses_are_kept_at_once(start: Start) -> None:
    async with start(every=1000.0) as worker:
        began = await worker.start("runs", DEADMAN)
        here, _ = await worker.write(lines(range(3)))
        await worker.save()
        worker.keeper.after_pause([began])
        await worker.until("runs", lambda points: [p.why for p in points] == [BEGIN, PAUSE])
        await worker.write(lines(range(3)))
        await worker.end("runs")
        await worker.until("runs", lambda points: [p.why for p in points] == [BEGIN, PAUSE, END])
        await worker.start("runs", DEADMAN, enabled=9)
        points = await worker.until("runs", lambda points: len(points) == 4)
        assert [point.run.enabled for point in points] == [7, 7, 7, 9]
        kept = await worker.history.nearest("runs", here)
        assert kept is not None and (kept.position, kept.ended, kept.enabled) == (here, False, 7)
        kept = await worker.history.nearest("runs", WritesSeq(here + 1000))
        assert kept is not None and (kept.ended, kept.enabled) == (False, 9)
        kept = await worker.history.nearest("runs", WritesSeq(here + 1000), EventsSeq(7))
        assert kept is not None and kept.ended and kept.definition.script == DEADMAN
        assert await worker.history.nearest("runs", WritesSeq(here + 1000), EventsSeq(8)) is None
        (summary,) = [one for one in await worker.history.listed() if one.task == "runs"]
        assert (summary.states, summary.runs, summary.ended) == (4, 2, False)


@pytest.mark.parametrize("many", [keeper._MANY, 1])
async def test_who_takes_a_task_over_goes_on_with_its_history(
    start: Start, bus: Bus, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Whether it asks for what is kept of each task or of all."""
    monkeypatch.setattr(keeper, "_MANY", many)
    async with start("before") as worker:
        await worker.start("moved", MEANS)
        first, _ = await worker.write(lines(range(100)))
        await worker.save()
        before = await worker.kept_at("moved", first)
        run = worker.tasks["moved"]
        # chunks that were stored for a state which then was not
        bucket = await HistoryBucket.open(bus)
        await bucket.put_chunk("moved", "left", b"0" * 16, b"of a worker that was killed")
    async with start("after") as worker:
        taken = await worker.start("moved", MEANS)
        second, _ = await worker.write(lines(range(100), 2.0))
        await worker.save()
        points = await worker.until("moved", lambda points: points[-1].position == second)
        assert points[: len(before)] == before
        assert {p.mark for p in points} > {p.mark for p in before}
        assert ("left", b"0" * 16) not in await bucket.chunks("moved")
        assert taken is not run
        # whoever reads finds both
        reader = await StateHistory.open(bus)
        for place in (first, second):
            kept = await reader.nearest("moved", place)
            assert kept is not None and kept.position == place
        # states of an older version are not used, as none that are older either
        monkeypatch.setattr(state_history, "STATE_VERSION", state_history.STATE_VERSION + 1)
        assert await reader.nearest("moved", second) is None


async def test_the_log_moves_on(start: Start, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies before it goes, but for the last state before; of a task that is deleted all goes with its log."""
    monkeypatch.setattr(keeper, "_RETENTION_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "_RETENTION_REST", 1)
    async with start() as worker:
        for id in ("stays", "deleted"):
            await worker.start(id, MEANS)
        places = []
        for value in range(4):
            place, _ = await worker.write(lines(range(10), value))
            places.append(place)
            await worker.save()
            for id in ("stays", "deleted"):
                await worker.kept_at(id, place)
        await worker.end("deleted")
        worker.exists.discard("deleted")
        await worker.until("deleted", lambda points: points[-1].why == END)
        kept = await worker.history.nearest("deleted", places[1])
        assert kept is not None and kept.position == places[1]

        await bus.purge(WRITES, "tickbus.write.>", places[2])
        points = await worker.until("stays", lambda points: len(points) == 2)
        assert [point.position for point in points] == places[2:]
        assert await worker.until("deleted", lambda points: len(points) == 2)
        await bus.purge(WRITES, "tickbus.write.>", places[3])
        await worker.until("stays", lambda points: len(points) == 1)
        await worker.until("deleted", lambda points: not points)
        bucket = await HistoryBucket.open(bus)
        await eventually(lambda: _nothing_left(bucket, "deleted"))

        # a log that went back: what was made of what it does not hold any more is nobody's past
        await bus.publish("tickbus.write.db.rp", b"m x=1")
        await worker.writes.look()
        worker.writes.epochs.begin(places[0], time.time_ns())
        await worker.until("stays", lambda points: not points)


async def test_too_much_is_thinned_out(start: Start, bus: Bus) -> None:
    bucket = await HistoryBucket.open(bus)
    most = await bucket.size() + 100_000
    async with start(most_bytes=most) as worker:
        await worker.start("big", COUNTS)
        await worker.start("small", "stream|from().measurement('other')|stateCount(lambda: TRUE)")
        for value in range(25):
            place, _ = await worker.write(lines(range(1000), value))
            await worker.save()
            await worker.kept_at("big", place)
        await eventually(lambda: _at_most(bucket, most))
        points = await worker.history.points("big")
        assert points[-1].position == place and 2 <= len(points) < 25
        assert len(await worker.history.points("small")) >= 1
        kept = await worker.history.nearest("big", points[0].position)
        assert kept is not None and kept.position == points[0].position


async def test_where_there_is_no_room_that_is_told_and_the_rest_goes_on(
    start: Start, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    await HistoryBucket.open(bus)
    state = await bus.stream_state("OBJ_history")
    await _bound(bus, state.bytes + 20_000)
    try:
        async with start(every=0.2) as worker:
            await worker.start("full", MEANS)
            await worker.until("full", lambda points: len(points) == 1)
            place, _ = await worker.write(lines(range(5000)))
            await worker.save()
            await eventually(lambda: _failed(worker))
            assert "a state of the past is not kept" in caplog.text
            assert len(await worker.history.points("full")) == 1
            assert worker.checkpoints.reached("full") is not None
            await _bound(bus, -1)
            await worker.kept_at("full", place)
    finally:
        await _bound(bus, -1)


async def test_nothing_is_kept_where_nothing_is_to_be(start: Start) -> None:
    async with start(every=0.0) as worker:
        await worker.start("none", MEANS)
        await worker.write(lines(range(3)))
        await worker.save()
        await worker.end("none")
        await asyncio.sleep(0)
        assert worker.keeper.figures() == {"states": 0, "bytes": 0, "oldest": 0, "failed": 0}
        assert await worker.history.points("none") == []


async def _bound(bus: Bus, most: int) -> None:
    """As an account would that grants no more."""
    config = (await bus._link.api("STREAM.INFO.OBJ_history"))["config"]
    await bus._link.api("STREAM.UPDATE.OBJ_history", config | {"max_bytes": most})


async def _nothing_left(bucket: HistoryBucket, task: str) -> bool:
    return not await bucket.chunks(task) and await bucket.summary(task) is None


async def _at_most(bucket: HistoryBucket, most: int) -> bool:
    return await bucket.size() <= most


async def _failed(worker: KeptTasks) -> bool:
    return worker.keeper.figures()["failed"] > 0


async def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not await condition():  # type: ignore[misc]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
