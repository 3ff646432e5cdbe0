"""What a task was after each of its events, be it one that is no more: as EVENTS tells it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from services.bus import events
from services.bus.connection import Bus
from services.bus.events import Event
from services.bus.reading.stretches import read_subjects
from services.bus.streams import EVENTS
from services.bus.subjects import events_subject
from services.store.folds import tasks
from services.store.folds.state import State
from services.store.folds.task_records import TaskRecord

_AT_ONCE = 200  # events that are folded before others have their turn


async def last_record(bus: Bus, id: str) -> TaskRecord | None:
    """A task as it was last, before it was deleted; None where EVENTS tells of none, or no more. Raises BusError."""
    last = None
    async with aclosing(records(bus, id)) as life:
        async for _, record in life:
            last = record or last
    return last


async def records(bus: Bus, id: str) -> AsyncGenerator[tuple[Event, TaskRecord | None]]:
    """What a task was after each event, in their order.

    Of one that is made of a template, or had another id, that is told by the events of others too: all are folded then.
    """
    own = [events_subject(kind, id) for kind in ("task", "run")]
    state = State()
    async with aclosing(_events(bus, own)) as reading:
        alone = [event async for event in reading]
    if not any(event.data.get("template-id") or event.data.get("was", id) != id for event in alone):
        for event in alone:
            yield event, _folded(state, event, id)
        return
    async with aclosing(_events(bus, tasks.SUBJECTS)) as reading:
        async for event in reading:
            yield event, _folded(state, event, id)


def _folded(state: State, event: Event, id: str) -> TaskRecord | None:
    with contextlib.suppress(Exception):  # what no fold takes has changed nothing for anybody
        state.take(tasks.fold, event, event.seq)
    return tasks.task_of(state, id)


async def _events(bus: Bus, subjects: Sequence[str]) -> AsyncGenerator[Event]:
    until = await bus.last_sequence(EVENTS)
    async with aclosing(read_subjects(bus, EVENTS, subjects, 0, until)) as reading:
        async for messages in reading:
            for number, message in enumerate(messages):
                if not number % _AT_ONCE:
                    await asyncio.sleep(0)
                with contextlib.suppress(ValueError):  # what cannot be read has changed nothing for anybody
                    yield events.decode(message)
