"""When states are on the bus: with a bus and stores as they are, the tasks stand for running ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from services.bus.connection import Bus
from services.bus.epochs import NO_MARK
from services.bus.positions import EventsSeq
from services.columns.snapshot import State
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.records import RunKey
from services.engine.states.saving import Saving
from services.engine.worker.task_under_way import TaskUnderWay
from services.runtime.progress.deliveries import Deliveries
from services.store.store import Store
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


@dataclass
class Task:
    id: str
    position: int
    dirty: bool = True
    enabled: int = 7
    shard: int = 0
    began: int = 5

    def state(self) -> State:
        return {"value": self.position}


class Watched(Checkpoints):
    """Tells when something is saved, and when it is on the bus; what brings it there then waits for `gate`."""

    def __init__(self, store: Store, bus: Bus) -> None:
        super().__init__(store, bus)
        self.saved, self.waits, self.gate = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def save(self, *args: Any) -> None:
        await super().save(*args)
        self.saved.set()

    async def share(self, *args: Any) -> None:
        await super().share(*args)
        self.waits.set()
        await self.gate.wait()


def _saving(bus: Bus, store: Store, task: Task) -> tuple[Saving, Watched]:
    checkpoints = Watched(store, bus)
    deliveries = Deliveries(store, bus, 1, lambda: True, lambda shard: True)
    tasks = {task.id: cast(TaskUnderWay, task)}
    return Saving(checkpoints, tasks, _sent, 60.0, lambda: True, deliveries, lambda: NO_MARK, _sent), checkpoints


async def _sent() -> None:
    pass


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        yield bus


async def test_what_is_saved_at_once_is_on_the_bus_whatever_was_being_brought_there(bus: Bus, tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "one", "test", durable=False) as store,
        Store.open(tmp_path / "other", "test", durable=False) as others,
    ):
        task = Task("t", 10)
        saving, states = _saving(bus, store, task)
        asked = asyncio.create_task(saving.ask())
        await states.waits.wait()
        states.saved.clear()
        task.position, task.dirty = 20, True
        paused = asyncio.create_task(saving.at_once())
        await states.saved.wait()
        states.gate.set()
        assert await paused
        await asked
        other = Checkpoints(others, bus)
        await other.learn()
        found = await other.load("t", RunKey(EventsSeq(7), 5))
        assert found is not None and (found.position, found.state) == (20, {"value": 20})


async def test_a_stop_ends_all_that_waits_for_one_another(bus: Bus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "one", "test", durable=False) as store:
        task = Task("t", 10)
        saving, states = _saving(bus, store, task)
        before = asyncio.all_tasks()
        asked = [asyncio.create_task(saving.ask())]
        await states.waits.wait()
        states.saved.clear()
        asked.append(asyncio.create_task(saving.ask()))
        await states.saved.wait()
        await asyncio.sleep(0)  # the second one waits for the first
        await saving.stop()
        left = asyncio.all_tasks() - before - set(asked)
        assert not [one for one in left if "Saving" in repr(one.get_coro())]
        for waiting in asked:
            waiting.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_an_answer_is_kept_until_its_message_has_gone_on_and_was_saved(bus: Bus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "one", "test", durable=False) as store:
        task = Task("t", 10)
        deliveries = Deliveries(store, bus, 1, lambda: False, lambda shard: True)
        checkpoints = Checkpoints(store, bus)
        tasks = {task.id: cast(TaskUnderWay, task)}
        saving = Saving(checkpoints, tasks, _sent, 60.0, lambda: False, deliveries, lambda: NO_MARK, _sent)
        node = deliveries.open("t", 7)("post")
        node.done((1, 0, 0), code=204)
        await saving.ask()
        assert node.code((1, 0, 0)) is None, "the state holds it"
        node.done((2, 0, 0), code=204)
        await saving.ask()
        assert node.code((2, 0, 0)) == 204, "nothing was saved"
        task.dirty, task.position = True, 11
        await saving.ask()
        assert node.code((2, 0, 0)) is None
        deliveries.close(["t"])
