"""From whatever states a task goes on that ran in parts, each of its own place, what it gives then is what the whole
gave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.follow import StoredMessage
from services.bus.positions import EventsSeq, WritesSeq
from services.dryrun.starting import DryTasks
from services.engine.states.history.records import KeptPoint
from services.nodes import classes
from services.pipeline.splitting import splitting
from services.runtime.input.share import Share
from services.runtime.keyed.snapshot_sharing import join_snapshots, split_snapshot
from services.store.folds.layouts import Unit
from services.store.folds.task_records import RunRecord
from services.store.store import Store
from tests.property.test_history import FROM, SCRIPTS, lines, told
from tests.support.history import KeptTasks, dry_tasks, graph_of, new_record, written
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

MESSAGES = 20
LAYOUTS = {0: 1, 5: 3, 13: 2}
"""From which message on the task is in how many parts."""
SPLIT = {
    **{name: SCRIPTS[name] for name in ("window", "counting", "join")},
    "idle": f"""{FROM}|barrier().idle(100ms).delete(TRUE)|stateCount(lambda: TRUE).as('n')
        |alert().id('{{{{ .Group }}}}').topic('t').message('{{{{ index .Fields "n" }}}}').crit(lambda: TRUE)""",
}


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.mark.parametrize("seed", range(2))
async def test_what_follows_the_states_of_parts_is_what_was(bus: Bus, tmp_path: Path, seed: int) -> None:
    """All tasks at once, over two workers, each part saved and kept by chance; and as a whole, which tells what was."""
    chance = random.Random(seed)
    writes = await WritesLog.open(bus)
    with (
        Store.open(tmp_path / "one", "test", durable=False) as one,
        Store.open(tmp_path / "two", "test", durable=False) as two,
    ):
        async with (
            KeptTasks(bus, one, writes) as first,
            KeptTasks(bus, two, writes) as second,
            KeptTasks(bus, two, writes, every=0.0) as reference,
            dry_tasks(bus, one) as tasks,
        ):
            split = [_SplitTask(f"{id}{seed}", await new_record(bus, script)) for id, script in SPLIT.items()]
            for task in split:
                reference.take_up(Unit(task.id), task.run)
            messages: list[StoredMessage] = []
            for n in range(MESSAGES):
                for task in split:
                    if n in LAYOUTS:
                        task.goes_on_in(LAYOUTS[n], EventsSeq(100 + n), [first, second], messages)
                messages.append(await written(bus, lines(chance, n)))
                given = [await worker.take(messages[-1]) for worker in (first, second)]
                whole = await reference.take(messages[-1])
                for task in split:
                    effects = [one for worker in given for unit in task.units for one in worker.get(unit.id, ())]
                    task.given[messages[-1].seq] = sorted(told(whole[task.id]))
                    assert sorted(told(effects)) == task.given[messages[-1].seq]
                await asyncio.gather(*(task.saved([first, second], chance, messages[-1]) for task in split))
            begun = [await _goes_on_everywhere(first, tasks, task, messages) for task in split]
            assert set().union(*begun) == {0, 2, 3}


class _SplitTask:
    """A task that is in other parts now and then. given: what came of each message, by sequence."""

    def __init__(self, id: str, run: RunRecord) -> None:
        self.id, self.run = id, run
        self.units: Sequence[Unit] = []
        self.given: dict[int, list[Any]] = {}
        self._graph = graph_of(run.definition.script)
        self._by = splitting(self._graph).by

    def goes_on_in(
        self, parts: int, layout: EventsSeq, workers: Sequence[KeptTasks], messages: Sequence[StoredMessage]
    ) -> None:
        """Bring the task to other parts."""
        states = [worker.leave(unit.id) for unit in self.units for worker in workers if unit.id in worker.tasks]
        if parts == 1:
            self.units, shares = [Unit(self.id)], [None]
        else:
            self.units = [Unit(self.id, layout, number, number) for number in range(parts)]
            shares = [Share(self._by, number, parts) for number in range(parts)]
        fresh = [None] * parts
        if states:
            joined = states[0] if len(states) == 1 else join_snapshots(states, self._graph, classes())
            share = Share(self._by, 0, parts)
            fresh = split_snapshot(joined, self._graph, classes(), parts, share.of_group)
        for unit, share, state in zip(self.units, shares, fresh, strict=True):
            begins = None if state is None else (WritesSeq(messages[-1].seq), state)
            workers[unit.number % len(workers)].take_up(unit, self.run, share, begins)

    async def saved(self, workers: Sequence[KeptTasks], chance: random.Random, message: StoredMessage) -> None:
        """Have some of the parts saved, and wait until that is kept."""
        chosen = [unit for unit in self.units if chance.random() < 0.35]
        for unit in chosen:
            await workers[unit.number % len(workers)].save(unit.id)
        await workers[0].until(self.id, lambda points: all(_stands_at(points, unit, message.seq) for unit in chosen))


def _stands_at(points: Sequence[KeptPoint], unit: Unit, place: int) -> bool:
    return any(point.task == unit.id and point.until >= place for point in points)


async def _goes_on_everywhere(
    worker: KeptTasks, tasks: DryTasks, task: _SplitTask, messages: Sequence[StoredMessage]
) -> set[int]:
    """Gives of how many parts states were that was begun with."""
    assert sum(map(len, task.given.values())) > 5, task.id
    begun: dict[int, int] = {}
    for at in task.given:
        kept = await worker.history.nearest(task.id, WritesSeq(at))
        assert kept is not None and kept.since <= kept.position <= at
        if kept.position in begun:
            continue
        begun[kept.position] = len(kept.parts)
        with await tasks.from_kept(kept) as run:
            for message in messages:
                if message.seq > kept.position:
                    found = sorted(told(await run.take([message])))
                    assert found == task.given[message.seq], (task.id, at, kept.position)
    return {*begun.values()}
