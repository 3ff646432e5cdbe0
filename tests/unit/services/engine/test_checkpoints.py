"""States and positions: what is found is always a state at the position where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.engine.checkpoints import Checkpoints
from services.engine.node import State
from services.store.store import Store
from tests.support.nats import NatsServer

ENABLED = 7


@dataclass
class Task:
    id: str
    position: int
    value: int
    dirty: bool = True
    enabled: int = ENABLED
    shard: int = 3

    def state(self) -> State:
        if self.value < 0:
            raise TypeError("this state cannot be taken")
        return {"value": self.value}


def _open(path: Path, bus: Bus) -> tuple[Store, Checkpoints]:
    store = Store.open(path, "test", durable=False)
    return store, Checkpoints(store, bus)


async def test_here_and_on_the_bus(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        async with await Bus.connect(server.url, "test") as bus:
            store, one = _open(tmp_path / "one", bus)
            other_store, other = _open(tmp_path / "other", bus)
            task, idle = Task("t", 10, 1), Task("idle", 10, 5)
            one.save([task, idle])
            assert not task.dirty
            await one.share([task, idle])

            # an unchanged state stands at the position reached since; only positions go to the bus
            task.position = idle.position = 20
            task.value, task.dirty = 2, True
            one.save([task, idle])
            await other.learn()
            assert await _found(other, "t") == (10, 1)
            await one.share([task, idle])
            await other.learn()
            assert await _found(other, "t") == (20, 2)
            assert await _found(other, "idle") == (20, 5)
            assert await other.load("t", ENABLED + 1) is None

            # a position that was stored for another state than the one found does not count
            taken = Task("t", 30, 3)
            other.save([taken])
            await other.share([taken])
            late = await bus.bucket("positions")
            entry = await late.get("shard.3")
            assert entry is not None
            task.position, task.value, task.dirty = 25, 4, True
            one.save([task])
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
            found = await one.load("idle", ENABLED)
            assert found is not None and found.here
            await one.drop("t")
            assert await one.load("t", ENABLED) is None
            for left in (store, other_store):
                left.close()
    finally:
        server.stop()


async def test_a_state_that_cannot_be_taken_keeps_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        async with await Bus.connect(server.url, "test") as bus:
            store, checkpoints = _open(tmp_path / "one", bus)
            task = Task("t", 10, 1)
            checkpoints.save([task])
            task.position, task.value, task.dirty = 20, -1, True
            checkpoints.save([task])
            assert task.dirty
            assert await _found(checkpoints, "t") == (10, 1)
            store.close()
    finally:
        server.stop()


async def _found(checkpoints: Checkpoints, task: str) -> tuple[int, int]:
    found = await checkpoints.load(task, ENABLED)
    assert found is not None
    return found.position, found.state["value"]
