"""What delivering needs of others, what it is held to, and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.alerting.delivery.queue import Cursor, DeliveryQueue, QueueEntry
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.message import ReceivedMessage
from services.process.metrics.latencies import Latencies


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """retry_for: seconds since an event came within which it is tried again. bytes: of memory for all that waits.

    entries: how many messages may wait in one queue; beyond that the oldest are given up on.
    timeout: seconds that an attempt may take (see HandlerContext); 0: for ever.
    """

    retry_for: float = 600.0
    timeout: float = 30.0
    bytes: int = 64 << 20
    entries: int = 200_000


@dataclass(slots=True)
class Counts:
    """handled: events that a sink took, by kind; retried: attempts after the first; dead_lettered: events not taken.

    latencies: how long attempts took.
    """

    handled: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    dead_lettered: int = 0
    latencies: Latencies = field(default_factory=Latencies)


class DeliveryProgress(Protocol):
    """Who writes down how far the queues are, by their keys."""

    def added(self, key: str, entry: QueueEntry) -> None:
        """An entry waits."""

    def done(self, key: str, cursor: Cursor) -> None:
        """Every event of the queue before the cursor is done."""

    def removed(self, key: str, entry: QueueEntry) -> None:
        """An entry waits no more."""

    def page(self, key: str, after: int, most: int) -> list[QueueEntry]:
        """The next entries that were added to a queue, so many at most, behind that of a message (by sequence).

        Those that are done, as another alerting has told, are among them once, with nothing left of them.
        """


class Shares(Protocol):
    """Which queues are this alerting's to run, and who is told of them."""

    def has(self, shard: int) -> bool:
        """Whether the queues of a shard are run here."""

    def elsewhere(self, shard: int) -> bool:
        """Whether another alerting runs them, as far as is known."""

    async def sure(self) -> None:
        """Wait until no other alerting can have taken this one for dead."""

    def put(self, queue: DeliveryQueue) -> None:
        """Something waits in a queue that is run here."""

    def done(self, queue: DeliveryQueue, cursor: Cursor) -> None:
        """Every event before the cursor is done in a queue that is run here."""


class Queues(Protocol):
    """What runs queues, as the queue of a handler that makes one event of many knows it."""

    async def goes_on(self, queue: DeliveryQueue) -> bool:
        """Whether something may be begun in a queue. Waits while that is not sure."""

    async def message(self, entry: QueueEntry) -> ReceivedMessage | None:
        """An entry's message; None where it was not kept, and the log has it no more."""

    def wanted(
        self, queue: DeliveryQueue, entry: QueueEntry, number: int, message: ReceivedMessage
    ) -> AlertEvent | None:
        """An event of an entry, None where it is none or is not for the handler."""

    def advance(self, queue: DeliveryQueue, cursor: Cursor) -> None:
        """Every event of the queue before the cursor is done."""

    def handled(self, queue: DeliveryQueue, count: int) -> None:
        """Note that some events are."""

    def collected(self, queue: DeliveryQueue, events: Sequence[AlertEvent], took: float, error: str = "") -> None:
        """Note of each of these that one event was made of them, in so many seconds, or why none was."""

    def dead_letter(self, queue: DeliveryQueue, seq: int, count: int, reason: str, id: str = "") -> None:
        """Note that some events of a message are not handled."""
