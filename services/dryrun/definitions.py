"""What a task was at some time, of those as well that are no more: as EVENTS tells it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from services.bus import events
from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.positions import WritesSeq
from services.bus.streams import EVENTS
from services.store.folds import tasks
from services.store.folds.definition import TaskDefinition
from services.store.folds.state import State

_AT_ONCE = 200  # events that are folded before others have their turn


@dataclass(frozen=True, slots=True)
class TaskThen:
    """A task at some time. began, position: of the run that was meant then, ns and the place behind which it began in
    WRITES as that is now; None where it was not enabled. since: when it was last changed, ns."""

    definition: TaskDefinition
    since: int
    began: int | None
    position: WritesSeq | None


async def task_at(bus: Bus, epochs: Epochs, id: str, *times: int) -> list[TaskThen | None]:
    """A task as it was at each of some times (ns, in order); None where there was none, or EVENTS does not tell any
    more. epochs: of WRITES. Raises BusError.
    """
    state, found = State(), list[TaskThen | None]()
    async with bus.follow(EVENTS, tasks.SUBJECTS) as follower:
        left = await follower.lag()
        while left:
            for number, message in enumerate(await follower.batch()):
                while len(found) < len(times) and message.time_ns > times[len(found)]:
                    found.append(_found(state, id, epochs))
                if len(found) == len(times):
                    return found
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)
                with contextlib.suppress(Exception):  # what no fold takes has changed nothing for anybody
                    event = events.decode(message)
                    state.take(tasks.fold, event, event.seq)
            left = follower.pending
    return [*found, *(_found(state, id, epochs) for _ in times[len(found) :])]


def _found(state: State, id: str, epochs: Epochs) -> TaskThen | None:
    record = tasks.task_of(state, id)
    if record is None:
        return None
    run = record.run
    if run is None:
        return TaskThen(record.definition, record.modified, None, None)
    return TaskThen(run.definition, record.modified, run.began, WritesSeq(epochs.within(run.position, run.began)))
