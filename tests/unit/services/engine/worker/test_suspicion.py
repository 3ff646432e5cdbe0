"""Tasks that workers ended in: not tried again, or forgotten once they come past that place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.bus.buckets.suspects import BUCKET, TRIES, Suspects
from services.bus.connection import Bus
from services.engine.worker import suspicion as module
from services.engine.worker.suspicion import Suspicion
from services.engine.worker.task_under_way import AT_CLOCK, AT_MESSAGES, OUTSIDE, START, TaskUnderWay
from services.process.flight_recorder import EVERYWHERE, RecordedWork
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        bucket = await bus.bucket(BUCKET)
        for entry in await bucket.entries():
            await bucket.delete(entry.key)
        yield bus


def _work(at: str, first: int, last: int, id: str = "t", run: int = 7) -> RecordedWork:
    return RecordedWork({"kind": "task", "id": id, "run": run, "at": at}, first, last)


async def _learnt(bus: Bus) -> Suspicion:
    suspicion = Suspicion(bus)
    await suspicion.learn()
    return suspicion


async def test_the_verdict(bus: Bus) -> None:
    suspects = await Suspects.open(bus)
    for deaths in range(1, TRIES + 1):
        assert not (await _learnt(bus)).verdict("t", 7)
        await suspects.add(_work(AT_MESSAGES, 3, 9), False, "engine-0")
        assert deaths == (await suspects.all())[0].deaths
    await suspects.add(_work(AT_CLOCK, 1, 2, "hung"), True, "engine-0")
    suspicion = await _learnt(bus)
    assert suspicion.verdict("t", 7) == "the worker died in a step of the writes 3 to 9, 3 times in a row"
    assert "step-limit" in suspicion.verdict("hung", 7)
    await suspects.add(_work(AT_MESSAGES, 5, 5, "one"), True, "engine-0")
    assert (await _learnt(bus)).verdict("one", 7).startswith("a step of write 5 took longer than the step-limit")
    await suspects.clear(next(s for s in await suspects.all() if s.what["id"] == "one"))
    assert not suspicion.verdict("t", 8) and not suspicion.verdict("other", 7), "another run is another matter"
    await suspicion.forget("t", 8)
    assert suspicion.verdict("t", 7)
    await suspicion.forget("t", 7)
    assert not suspicion.verdict("t", 7) and [s.what["id"] for s in await suspects.all()] == ["hung"]


async def test_who_comes_past_the_place_is_forgotten(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.02)
    suspects = await Suspects.open(bus)
    work = [_work(AT_MESSAGES, 3, 9, "m"), _work(AT_CLOCK, 50, 60, "c"), _work(OUTSIDE, *EVERYWHERE, "o")]
    work += [_work(START, *EVERYWHERE, "s"), _work(AT_MESSAGES, 3, 9, "other", run=6)]
    for one in work:
        await suspects.add(one, False, "engine-0")
    suspicion = await _learnt(bus)

    def running(position: int, clock: int | None, took_in: bool) -> TaskUnderWay:
        run = SimpleNamespace(clock=clock, timed=True)
        return cast(TaskUnderWay, SimpleNamespace(enabled=7, position=position, run=run, took_in=took_in))

    tasks: dict[str, Any] = {id: running(9, 60, False) for id in "mcos"}
    watching = asyncio.create_task(suspicion.watch(tasks))
    await asyncio.sleep(0.2)
    assert len(await suspects.all()) == 5
    watching.cancel()
    watching = asyncio.create_task(
        suspicion.watch({id: running(10, 61, True) for id in "mcos"} | {"other": running(0, None, False)})
    )
    async with asyncio.timeout(10):
        while await suspects.all():
            await asyncio.sleep(0.02)
    watching.cancel()
