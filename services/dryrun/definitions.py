"""What a task was at some time, of those as well that are no more: as EVENTS tells it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
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
_ALWAYS = 2**63


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
    found = list[TaskThen | None]()
    async with aclosing(_told(bus)) as told:
        async for until, state in told:
            while len(found) < len(times) and until > times[len(found)]:
                found.append(_found(state, id, epochs))
            if len(found) == len(times):
                break
    return found


async def life(bus: Bus, epochs: Epochs, id: str, start: int, stop: int) -> tuple[TaskThen | None, int | None]:
    """A task in its first run that was under way between two times (ns), or began there, else as it was at first; and
    when it was deleted behind that, before the second one. None where that was not, or EVENTS does not tell any more.
    epochs: of WRITES. Raises BusError.
    """
    first: TaskThen | None = None
    there: int | None = None
    async with aclosing(_told(bus)) as told:
        async for until, state in told:
            then = _found(state, id, epochs) if until > start else None
            if then is not None:
                there = until
                first = then if first is None or (first.position is None and then.position is not None) else first
            elif there is not None:
                return first, there
            if until > stop:
                break
    return first, None


async def _told(bus: Bus) -> AsyncGenerator[tuple[int, State], None]:
    """What EVENTS tells of tasks, step by step: until when (ns) it was so, and how it was. Raises BusError."""
    state = State()
    async with bus.follow(EVENTS, tasks.SUBJECTS) as follower:
        left = await follower.lag()
        while left:
            for number, message in enumerate(await follower.batch()):
                yield message.time_ns, state
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)
                with contextlib.suppress(Exception):  # what no fold takes has changed nothing for anybody
                    event = events.decode(message)
                    state.take(tasks.fold, event, event.seq)
            left = follower.pending
    yield _ALWAYS, state


def _found(state: State, id: str, epochs: Epochs) -> TaskThen | None:
    record = tasks.task_of(state, id)
    if record is None:
        return None
    run = record.run
    if run is None:
        return TaskThen(record.definition, record.modified, None, None)
    return TaskThen(run.definition, record.modified, run.began, WritesSeq(epochs.within(run.position, run.began)))
