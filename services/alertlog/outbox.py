"""What a step's effects put on the bus, in order for each sender, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.leases.status import LeaseStatus
from services.process import log as logs

log = logs.get("engine")

_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message to be stored in JetStream.

    `lease_status` is asked right before each try: UNCERTAIN keeps the message back, LOST drops it, since whoever holds
    the task now sends the same.
    """

    subject: str
    data: bytes
    message_id: str | None
    lease_status: Callable[[], LeaseStatus]
    headers: Mapping[str, str] | None = None


_Marker = asyncio.Future[None]


class Outbox:
    """Publishes messages; those of one ordering key (say, one node of one task) one after another, others beside them.

    Order within a key is what lets a reader drop what it has seen: everything up to the last identity seen is old.
    A message is tried until the bus takes it; meanwhile `full` tells the worker to read no more of the log.
    """

    def __init__(self, bus: Bus, most: int = 20_000, most_bytes: int = 64 << 20) -> None:
        """most, most_bytes: how many messages, and bytes in them, may wait before it is full."""
        self._bus = bus
        self._most, self._most_bytes = most, most_bytes
        self._queues: dict[str, deque[OutboundMessage | _Marker]] = {}
        self._waiting = self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._less = asyncio.Event()

    def send(self, ordering_key: str, message: OutboundMessage) -> None:
        """Queue a message behind those of its ordering key."""
        self._waiting += 1
        self._bytes += len(message.data)
        queue = self._queues.get(ordering_key)
        if queue is not None:
            queue.append(message)
            return
        self._queues[ordering_key] = deque([message])
        task = asyncio.create_task(self._empty(ordering_key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def max_data(self) -> int:
        """Bytes that a message may have besides its headers."""
        return self._bus.max_data

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing should be added."""
        return self._waiting >= self._most or self._bytes >= self._most_bytes

    async def room(self) -> None:
        """Wait until it is not full."""
        while self.full:
            self._less.clear()
            await self._less.wait()

    async def sent(self) -> None:
        """Wait until everything queued by now has been acknowledged or dropped; what is queued later does not count."""
        markers: list[_Marker] = []
        for queue in self._queues.values():
            marker = asyncio.get_running_loop().create_future()
            queue.append(marker)
            markers.append(marker)
        if markers:
            await asyncio.wait(markers)

    async def close(self) -> None:
        """Send no more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _empty(self, ordering_key: str) -> None:
        queue = self._queues[ordering_key]
        while queue:
            first = queue[0]
            if isinstance(first, asyncio.Future):
                if not first.done():
                    first.set_result(None)
            else:
                status = first.lease_status()
                if status is LeaseStatus.UNCERTAIN or (status is LeaseStatus.HELD and not await self._try(first)):
                    await asyncio.sleep(_PAUSE)
                    continue
                self._waiting -= 1
                self._bytes -= len(first.data)
                self._less.set()
            queue.popleft()
        del self._queues[ordering_key]

    async def _try(self, message: OutboundMessage) -> bool:
        try:
            await self._bus.publish(message.subject, message.data, message.headers, message.message_id)
        except (PayloadTooLarge, ValueError) as e:
            log.limited(f"dropped/{message.subject}").error(
                "a message cannot be put on the bus and is dropped", subject=message.subject, err=e
            )
            self._bus.dead_letters.keep("", 0, message.subject, message.data, message.headers, str(e))
        except BusError as e:
            log.limited(message.subject).warn("the bus does not take a message yet", subject=message.subject, err=e)
            return False
        return True
