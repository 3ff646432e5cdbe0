"""States of the past of a task in parts: which make one of the whole, how they are told of, and when they go."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import WRITES
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.keeper import HistorySettings, StateKeeper
from services.engine.states.history.records import DUE, END, KeptPoint
from services.engine.states.history.whole_states import earliest, latest
from services.engine.states.records import RunKey
from services.pipeline.tag_set import TagSet
from services.runtime.input.share import Share
from services.store import codec
from services.store.folds.layouts import Unit
from services.store.folds.task_records import RunRecord
from services.store.store import Store
from tests.support.history import KeptTasks, new_record
from tests.support.nats import NatsServer, nats_server
from tests.unit.services.engine.states.history.test_keeper import eventually

__all__ = ["nats_server"]

SCRIPT = "stream|from().measurement('m').groupBy('host')|stateCount(lambda: TRUE)"
BY = TagSet.all_but()
BEFORE, NOW = EventsSeq(100), EventsSeq(200)
LINES = "\n".join(f"m,host=h{host} x=1 1700000000" for host in range(20))


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.fixture
async def worker(bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KeptTasks]:
    monkeypatch.setattr("services.engine.states.history.keeper._RETENTION_SECONDS", 0.05)
    monkeypatch.setattr("services.engine.states.history.keeper._RETENTION_REST", 1)
    with Store.open(tmp_path / "one", "test", durable=False) as store:
        async with KeptTasks(bus, store, await WritesLog.open(bus)) as worker:
            yield worker


def units(task: str, layout: EventsSeq, of: int = 2) -> list[Unit]:
    return [Unit(task, layout, number, number) for number in range(of)]


def take_up(worker: KeptTasks, run: RunRecord, parts: list[Unit]) -> None:
    for unit in parts:
        worker.take_up(unit, run, Share(BY, unit.number, len(parts)))


async def written(worker: KeptTasks, parts: list[Unit]) -> WritesSeq:
    """Write some lines, and wait until a state of these parts is kept that has seen them."""
    place, _ = await worker.write(LINES)
    ids = {unit.id for unit in parts}
    await worker.save(*ids)
    await worker.until(parts[0].task, lambda points: ids <= {p.task for p in points if p.until >= place})
    return place


async def test_one_state_of_each_part_is_begun_with(worker: KeptTasks, bus: Bus) -> None:
    first, second = parts = units("told", NOW)
    take_up(worker, await new_record(bus, SCRIPT), parts)
    both = await written(worker, parts)
    of_one = await written(worker, [first])
    bucket = await HistoryBucket.open(bus)
    kept = await worker.history.nearest("told", of_one)
    assert kept is not None and kept.position == of_one and kept.since == both
    assert [part.position for part in kept.parts] == [of_one, both]
    assert [part.share and part.share.number for part in kept.parts] == [0, 1]
    (told,) = [one for one in await worker.history.listed() if "told" in one.task]
    points = await worker.history.points("told")
    assert (told.task, told.states, told.runs, told.ended) == ("told", len(points), 1, False)
    assert (told.oldest, told.newest) == (both - 1, of_one)

    # where a state of one part is damaged, it begins with an earlier one of that part
    newest = [point for point in points if point.task == first.id][-1]
    await bucket.remove_chunk(first.id, newest.mark, newest.snapshot)
    kept = await worker.history.nearest("told", of_one)
    assert kept is not None and {kept.position, *(part.position for part in kept.parts)} == {both}

    # where there is none at all of one part, with nothing
    await bucket.drop(second.id)
    assert await worker.history.nearest("told", of_one) is None


async def test_what_the_log_does_not_reach_goes_with_layouts_and_tasks(worker: KeptTasks, bus: Bus) -> None:
    run = await new_record(bus, SCRIPT)
    whole, before, now = [Unit("goes")], units("goes", BEFORE), units("goes", NOW, 3)
    worker.take_up(*whole, run)
    await written(worker, whole)
    worker.leave("goes")
    take_up(worker, run, before)
    await written(worker, before)
    for unit in before:
        worker.leave(unit.id)
    take_up(worker, run, now)
    place = await written(worker, now)
    # the task is in the last of these parts alone
    worker.exists -= {unit.id for unit in (*whole, *before)}
    await bus.purge(WRITES, "tickbus.write.>", place)
    left = sorted((unit.id, place) for unit in now)
    await worker.until("goes", lambda points: sorted((p.task, p.position) for p in points) == left)

    # it is deleted
    for unit in now:
        await worker.end(unit.id)
        worker.exists.discard(unit.id)
    await worker.until("goes", lambda points: {p.why for p in points} == {END})
    place, _ = await worker.write(LINES)
    await bus.purge(WRITES, "tickbus.write.>", place)
    bucket = await HistoryBucket.open(bus)

    async def gone() -> bool:
        units = (*whole, *before, *now)
        return not any([await bucket.summary(unit.id) or await bucket.chunks(unit.id) for unit in units])

    await eventually(gone)
    assert not await worker.history.points("goes")


POINT = KeptPoint(
    task="t",
    mark="m",
    number=1,
    run=RunKey(EventsSeq(7), 70),
    position=WritesSeq(10),
    until=WritesSeq(12),
    epoch=1,
    time=100,
    until_time=120,
    kept=130,
    why=DUE,
    snapshot=b"s" * 16,
    definition=b"d" * 16,
    chunks={b"s" * 16: 5, b"d" * 16: 6},
)


def of_part(layout: EventsSeq, number: int, position: int, of: int = 2, why: str = DUE) -> KeptPoint:
    unit, place = Unit("t", layout, number, number), WritesSeq(position)
    return replace(POINT, task=unit.id, position=place, until=place, share=Share(BY, number, of), why=why)


def test_an_entry_of_a_part_says_its_share() -> None:
    for point in (POINT, of_part(NOW, 1, 20)):
        assert KeptPoint.from_bytes(point.task, point.to_bytes()) == point
    with pytest.raises(ValueError, match="version 3"):
        KeptPoint.from_bytes("t", codec.pack([3]))


def test_what_stands_furthest_on_with_all_its_parts() -> None:
    whole, (a, b), later = POINT, (of_part(BEFORE, 0, 20), of_part(BEFORE, 1, 24)), of_part(BEFORE, 0, 23)
    assert latest([]) is None and latest([a]) is None
    assert _points(latest([whole, a])) == (whole,)
    assert _points(latest([whole, a, b, later])) == (later, b)
    assert _points(latest([whole, a, b, of_part(NOW, 0, 30, 3), of_part(NOW, 2, 30, 3)])) == (a, b)
    assert _points(earliest([later, a, b])) == (a, b) and _points(earliest([a, b, whole])) == (whole,)
    ended = [of_part(NOW, number, 40, why=END) for number in (0, 1)]
    found = latest([whole, a, b, *ended])
    assert found is not None and found.ended and found.position == 40
    found = latest([a, b, ended[0], of_part(NOW, 1, 39)])
    assert found is not None and not found.ended and found.points == (ended[0], of_part(NOW, 1, 39))


def _points(found: object) -> object:
    return getattr(found, "points", None)


async def test_parts_keep_theirs_at_one_time(bus: Bus, worker: KeptTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = units("together", NOW)
    run = await new_record(bus, SCRIPT)
    take_up(worker, run, parts)
    worker.take_up(Unit("whole"), run)
    first, second = (worker.tasks[unit.id] for unit in parts)
    keeper = StateKeeper(bus, worker.checkpoints, {}, worker.writes.epochs, HistorySettings(600.0), _no_run, bool, bool)
    now = 1_700_000_000.0
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now)
        here = now + keeper.pause(first)
        now += 250.0
        there = now + keeper.pause(second)
        assert keeper.pause(worker.tasks["whole"]) == 600.0
    assert (there - here) % 600.0 == 0.0 and now < there <= now + 600.0


def _no_run(task: str, enabled: EventsSeq) -> None:
    return None
