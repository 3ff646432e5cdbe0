"""A lane: one handler, and what waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from services.alerting import handlers
from services.alerting.match import match_of
from services.alerting.message import Message
from services.alerting.runs import HandlerOf

Cursor = tuple[int, int]
"""A place in ALERTS: sequence of a message, number of an event in it."""


@dataclass(slots=True)
class Entry:
    """What waits of one message: events from number `next` to `end`; previous: levels from number `first` on.

    durations: ns, by the number of the event, of those that last longer than the message says. replay: as of Message.
    """

    seq: int
    first: int
    end: int
    previous: bytes
    time_ns: int
    next: int
    durations: Mapping[int, int]
    replay: str = ""
    message: Message | None = None
    saved: bool = False


class Lane:
    """One handler of one topic, and what waits for it."""

    def __init__(self, of: HandlerOf) -> None:
        """ValueError where the kind is unknown or does not take the options, or its match is none."""
        self.of = of
        self.handler, self.options = handlers.from_json(of.kind, of.options)
        self.match = match_of(of.match)
        self.entries: deque[Entry] = deque()
        self.done = 0  # events, handled or given up, since the lane began
        self.task: asyncio.Task[None] | None = None
        self.pausing = False
        self.full = asyncio.Event()  # so much waits that a lane that collects should not wait longer

    @property
    def next(self) -> Cursor | None:
        """The event that is handled now or next, None where nothing waits."""
        return (self.entries[0].seq, self.entries[0].next) if self.entries else None
