"""States and positions: what is found is always a state at the position where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from services.bus.connection import Bus
from services.bus.epochs import Epochs, Mark
from services.bus.positions import EventsSeq
from services.columns.snapshot import State
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.kept_states import KeptStates
from services.engine.states.records import RunKey
from services.store import codec
from services.store.store import Store
from tests.support.nats import NatsServer

ENABLED, BEGAN = 7, 5
RUN = RunKey(EventsSeq(ENABLED), BEGAN)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    """A connection to a server that has nothing yet."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        async with await Bus.connect(server.url, "test") as bus:
            yield bus
    finally:
        server.stop()


@dataclass
class Task:
    id: str
    position: int
    value: int
    dirty: bool = True
    enabled: int = ENABLED
    shard: int = 3
    began: int | None = BEGAN

    def state(self) -> State:
        if self.value < 0:
            raise TypeError("this state cannot be taken")
        return {"value": self.value}


async def _nothing_to_send() -> None:
    pass


def _open(path: Path, bus: Bus) -> tuple[Store, Checkpoints]:
    store = Store.open(path, "test", durable=False)
    return store, Checkpoints(store, bus)


async def test_here_and_on_the_bus(bus: Bus, tmp_path: Path) -> None:
    store, one = _open(tmp_path / "one", bus)
    other_store, other = _open(tmp_path / "other", bus)
    task, idle = Task("t", 10, 1), Task("idle", 10, 5)
    await one.save([task, idle], _nothing_to_send)
    assert not task.dirty
    await one.share([task, idle])

    # an unchanged state stands at the position reached since; only positions go to the bus
    task.position = idle.position = 20
    task.value, task.dirty = 2, True
    await one.save([task, idle], _nothing_to_send)
    await other.learn()
    assert await _found(other, "t") == (10, 1)
    await one.share([task, idle])
    await other.learn()
    assert await _found(other, "t") == (20, 2)
    assert await _found(other, "idle") == (20, 5)
    assert await other.load("t", RunKey(EventsSeq(ENABLED + 1), BEGAN)) is None

    # a position that was stored for another state than the one found does not count
    taken = Task("t", 30, 3)
    await other.save([taken], _nothing_to_send)
    await other.share([taken])
    late = await bus.bucket("positions")
    entry = await late.get("shard.3")
    assert entry is not None
    task.position, task.value, task.dirty = 25, 4, True
    await one.save([task], _nothing_to_send)
    await one.share([task])
    await late.put("shard.3", entry.value)
    _, fresh = _open(tmp_path / "fresh", bus)
    await fresh.learn()
    assert await _found(fresh, "t") == (25, 4)

    # what is on this machine survives the process, and wins where it is ahead
    store.close()
    store, one = _open(tmp_path / "one", bus)
    assert await _found(one, "t") == (25, 4)
    await one.learn()
    found = await one.load("idle", RUN)
    assert found is not None and found.here
    await one.drop("t")
    assert await one.load("t", RUN) is None
    for left in (store, other_store):
        left.close()


async def test_a_state_that_cannot_be_taken_keeps_the_one_before(
    bus: Bus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, checkpoints = _open(tmp_path / "one", bus)
    task = Task("t", 10, 1)
    await checkpoints.save([task], _nothing_to_send)
    task.position, task.value, task.dirty = 20, -1, True
    await checkpoints.save([task], _nothing_to_send)
    assert task.dirty
    assert await _found(checkpoints, "t") == (10, 1)
    store.close()


@dataclass
class Large(Task):
    """A task whose state is in chunks, one of which changes with its value."""

    def state(self) -> State:
        numbers = np.arange(100_000)
        numbers[50_000] = self.value
        return {"value": self.value, "nodes": {"window2": {"numbers": numbers}}}


async def test_large_states_go_to_the_bus_in_pieces(bus: Bus, tmp_path: Path) -> None:
    store, one = _open(tmp_path / "one", bus)
    other_store, other = _open(tmp_path / "other", bus)
    task = Large("t", 10, 1)
    await one.save([task], _nothing_to_send)
    await one.share([task])
    chunks = bus.chunks("states")
    (first,) = (await chunks.marks())["t"]
    before = await chunks.get("t", first)
    task.position, task.value, task.dirty = 20, 2, True
    await one.save([task], _nothing_to_send)
    await one.share([task])
    after = await chunks.get("t", first)
    assert len(before.keys() & after.keys()) == len(before) - 1 == len(after) - 1

    # another takes over; once it has shared, it alone has chunks there, whatever the former still puts
    await other.learn()
    assert await _found(other, "t") == (20, 2)
    taken = Large("t", 30, 3)
    await other.save([taken], _nothing_to_send)
    await other.share([taken])
    assert first not in (await chunks.marks())["t"]
    task.position, task.value, task.dirty = 25, 4, True
    await one.save([task], _nothing_to_send)
    await one.share([task])
    taken.position, taken.value, taken.dirty = 40, 5, True
    await other.save([taken], _nothing_to_send)
    await other.share([taken])

    # and the first takes it back
    await one.learn()
    assert await _found(one, "t") == (40, 5)
    task.position, task.value, task.dirty = 50, 6, True
    await one.save([task], _nothing_to_send)
    await one.share([task])
    assert len((await chunks.marks())["t"]) == 1
    _, fresh = _open(tmp_path / "fresh", bus)
    await fresh.learn()
    assert await _found(fresh, "t") == (50, 6)
    await one.drop("t")
    assert await chunks.marks() == {}
    for left in (store, other_store):
        left.close()


async def test_a_task_is_stepped_while_it_is_saved(bus: Bus, tmp_path: Path) -> None:
    """What comes after the state was taken is in the next one, and effects are waited for before it counts."""
    store, checkpoints = _open(tmp_path / "one", bus)
    task = Large("t", 10, 1)
    may_be_kept = asyncio.Event()
    saving = asyncio.create_task(checkpoints.save([task], may_be_kept.wait))
    while task.dirty:
        await asyncio.sleep(0)
    task.position, task.value, task.dirty = 20, 2, True
    assert KeptStates(store).load("t") is None
    may_be_kept.set()
    await saving
    assert task.dirty
    assert await _found(checkpoints, "t") == (10, 1)
    await checkpoints.save([task], _nothing_to_send)
    assert await _found(checkpoints, "t") == (20, 2)

    # a save that is broken off leaves the one before
    task.position, task.value, task.dirty = 30, 3, True
    saving = asyncio.create_task(checkpoints.save([task], asyncio.Event().wait))
    while task.dirty:
        await asyncio.sleep(0)
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)
    assert task.dirty
    assert await _found(checkpoints, "t") == (20, 2)
    await checkpoints.close()
    store.close()


async def test_what_is_read_ahead_is_what_is_saved(bus: Bus, tmp_path: Path) -> None:
    store, checkpoints = _open(tmp_path / "one", bus)
    tasks = [Task(f"t{number}", 10, number) for number in range(4)]
    await checkpoints.save(tasks, _nothing_to_send)
    async with checkpoints.read_ahead([*(task.id for task in tasks), "unknown"]):
        assert await _found(checkpoints, "t0") == (10, 0)
        assert await checkpoints.load("t1", RunKey(EventsSeq(ENABLED + 1), BEGAN)) is None
        assert await checkpoints.load("unknown", RUN) is None
        # what has changed since it was read is read again
        tasks[2].position, tasks[2].value, tasks[2].dirty = 20, 7, True
        await checkpoints.save([tasks[2]], _nothing_to_send)
        assert await _found(checkpoints, "t2") == (20, 7)
        await checkpoints.drop("t3")
        assert await checkpoints.load("t3", RUN) is None
        assert await _found(checkpoints, "t0") == (10, 0)
    assert await _found(checkpoints, "t1") == (10, 1)
    store.close()


async def _found(checkpoints: Checkpoints, task: str) -> tuple[int, int]:
    found = await checkpoints.load(task, RUN)
    assert found is not None
    if "nodes" in found.state:
        assert found.state["nodes"]["window2"]["numbers"][50_000] == found.state["value"]
    return found.position, found.state["value"]


async def test_what_is_of_writes_that_the_log_has_no_more_is_not_used(bus: Bus, tmp_path: Path) -> None:
    epochs = Epochs([(0, 1000)])
    store = Store.open(tmp_path / "one", "test", durable=False)
    one = Checkpoints(store, bus, epochs=epochs)
    task, idle, batch = Task("t", 50, 1), Task("idle", 20, 2), Task("batch", 50, 3)
    mark = Mark(50, 7, 1000)
    await one.save([task, idle, batch], _nothing_to_send, mark=lambda: mark)
    idle.position = 50
    await one.save([task, idle, batch], _nothing_to_send, mark=lambda: mark)
    await one.share([task, idle, batch])
    assert one.furthest(epochs) == 50

    epochs.begin(30, 2000)
    for again in (one, Checkpoints(store, bus, epochs=epochs)):
        await again.learn()
        assert again.mark == mark and again.furthest(epochs) == 0
        # the state was taken before, though nothing came for the task for longer than the log has it
        assert await _found(again, "idle") == (30, 2)
        assert await again.load("t", RUN) is None
        found = await again.load("batch", RUN, of_log=False)
        assert found is not None and (found.position, found.state) == (50, {"value": 3})

    # at the same position it is another state now, which the bus gets
    anew = Task("t", 50, 4)
    await one.save([anew], _nothing_to_send)
    await one.share([anew])
    other_store = Store.open(tmp_path / "other", "test", durable=False)
    other = Checkpoints(other_store, bus, epochs=epochs)
    await other.learn()
    assert await _found(other, "t") == (50, 4)
    for left in (store, other_store):
        left.close()


async def test_another_run_of_the_same_number_has_another_state(bus: Bus, tmp_path: Path) -> None:
    """The log of events was made anew: its sequences are given again."""
    store, checkpoints = _open(tmp_path / "one", bus)
    await checkpoints.save([Task("t", 10, 1)], _nothing_to_send)
    assert await checkpoints.load("t", RunKey(EventsSeq(ENABLED), BEGAN + 1)) is None
    assert await checkpoints.load("t", RUN) is not None
    store.close()


async def test_a_state_that_does_not_say_of_which_run_it_is_fits_none(bus: Bus, tmp_path: Path) -> None:
    store, one = _open(tmp_path / "one", bus)
    unknown = Task("t", 10, 1, began=None)
    await one.save([unknown], _nothing_to_send)
    await one.share([unknown])
    other_store, other = _open(tmp_path / "other", bus)
    await other.learn()
    for checkpoints in (one, other):
        assert await checkpoints.load("t", RUN) is None
    for left in (store, other_store):
        left.close()


async def test_what_is_damaged_on_the_bus_counts_as_not_there(bus: Bus, tmp_path: Path) -> None:
    store, one = _open(tmp_path / "one", bus)
    ids = [f"t{n}" for n in range(5)]
    tasks = [Task(id, 10, 1, shard=n) for n, id in enumerate(ids)]
    await one.save(tasks, _nothing_to_send)
    await one.share(tasks)
    objects, positions = await bus.objects("states"), await bus.bucket("positions")
    await objects.put("t0", b"garbage")
    await bus.publish(objects._meta_subject("t1"), b"garbage")
    garbage = (b"", b"\xff", codec.pack([1]), codec.pack({"x": 1}), codec.pack({"x": [1, "a", 2]}))
    for n, value in enumerate(garbage):
        await positions.put(f"shard.{20 + n}", value)
    await positions.put("shard.2", codec.pack({"t2": [ENABLED, -1, -1]}))
    _, fresh = _open(tmp_path / "fresh", bus)
    await fresh.learn()
    found = [await fresh.load(id, RUN) for id in ids]
    assert [one is None for one in found] == [True, True, True, False, False]
    async with asyncio.timeout(10):
        while len(letters := await bus.dead_letters.all()) < len(garbage) + 2:
            await asyncio.sleep(0.02)
    assert {letter.stream for letter in letters} == {"KV_positions", "OBJ_states"}
    # what is saved next is whole again
    for task in tasks:
        task.position, task.dirty = 20, True
    await one.save(tasks, _nothing_to_send)
    await one.share(tasks)
    await fresh.learn()
    assert [await _found(fresh, id) for id in ids] == [(20, 1)] * 5
    store.close()


async def test_what_a_later_version_saved_is_left_and_the_log_is_read(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "one"
    store, later = _open(path, bus)
    with monkeypatch.context() as of_later:
        of_later.setattr(codec, "_HEADER", b"\xb5TB\x02")
        await later.save([Task("t", 10, 1)], _nothing_to_send, mark=lambda: Mark(10, 7, 1000))
        await later.share([Task("t", 10, 1)])
    await later.close()
    store.close()
    opened = [_open(where, bus) for where in (path, tmp_path / "other")]
    for _, one in opened:
        await one.learn()
        assert await one.load("t", RUN) is None
    said = [record.tickbus_keys for record in caplog.records if record.levelname == "WARNING"]  # type: ignore[attr-defined]
    assert len(said) > 2 and all("packed state of format 2" in str(keys) for keys in said)
    for store, one in opened:
        # what is saved next counts again
        await one.save([Task("t", 20, 2)], _nothing_to_send)
        await one.share([Task("t", 20, 2)])
        await one.learn()
        assert await _found(one, "t") == (20, 2)
        await one.close()
        store.close()
