"""A delivery queue: one handler, and what waits for it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from services.alerting import handlers
from services.alerting.delivery.match import match_of
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.runs import BoundHandler

Cursor = tuple[int, int]
"""A place in ALERTS: sequence of a message, number of an event in it."""

_ENTRY_BYTES = 300


@dataclass(slots=True)
class QueueEntry:
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
    message: ReceivedMessage | None = None
    saved: bool = False

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, about, its message included."""
        return _ENTRY_BYTES + len(self.previous) + (self.message.size if self.message is not None else 0)


class DeliveryQueue:
    """One handler of one topic, and what waits for it: its first entries here, the others where they are kept."""

    def __init__(self, of: BoundHandler) -> None:
        """ValueError where the kind is unknown or does not take the options, or its match is none."""
        self.of = of
        self.shard = shard_of_topic(of.topic)
        self.handler, self.options = handlers.read_again(of.kind, of.options)
        self.match = match_of(of.match)
        self.entries: deque[QueueEntry] = deque()
        self.ahead: Cursor = (0, 0)  # what lies before it was done by another alerting
        self.bytes = 0  # of memory that its entries take, about
        self.held = 0  # the last message, by sequence, that was among the entries
        self.spilled = 0  # messages behind that
        self.spilled_events: Counter[str] = Counter()  # of these, by the replay that they come from
        self.dead_lettered = 0  # events
        self.task: asyncio.Task[None] | None = None
        self.since: float | None = None  # when the attempt began that is being made, monotonic
        self.pausing = False
        self.full = asyncio.Event()  # so much waits that a queue that collects should not wait longer

    @property
    def messages(self) -> int:
        """How many wait."""
        return len(self.entries) + self.spilled

    def waiting(self, replay: str | None = None) -> int:
        """How many events wait, of all or of one replay."""
        held = sum(entry.end - entry.next for entry in self.entries if replay is None or entry.replay == replay)
        return held + (self.spilled_events.total() if replay is None else self.spilled_events[replay])

    def spill(self, entry: QueueEntry) -> None:
        """Count an entry that is not held here."""
        self.spilled += 1
        self.spilled_events[entry.replay] += entry.end - entry.next

    def take_back(self, entries: list[QueueEntry]) -> None:
        """Hold entries that were spilled, as far as something is left of them; none: there are no more."""
        for entry in entries:
            self.spilled -= 1
            self.spilled_events[entry.replay] -= entry.end - entry.first
            self.held = entry.seq
            if entry.next < entry.end:
                self.hold(entry)
        if not entries or not self.spilled:
            self.spilled = 0
            self.spilled_events.clear()

    def hold(self, entry: QueueEntry) -> None:
        """Have an entry among those that are here."""
        self.entries.append(entry)
        self.held = entry.seq
        self.bytes += entry.size

    @property
    def next(self) -> Cursor | None:
        """The event that is handled now or next, None where nothing waits."""
        return (self.entries[0].seq, self.entries[0].next) if self.entries else None
