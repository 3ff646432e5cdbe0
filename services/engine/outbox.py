"""What a step's effects put on the bus, in order for each sender, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge

log = logs.get("engine")

_PAUSE = 0.2


class Standing(Enum):
    """Whether what a task emits may leave: the worker holds its shard; may have lost it; has lost it."""

    HELD = auto()
    UNSURE = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be stored in JetStream.

    `standing` is asked right before each try: UNSURE keeps the letter back, LOST drops it, since whoever holds the
    task now sends the same.
    """

    subject: str
    data: bytes
    message_id: str | None
    standing: Callable[[], Standing]
    headers: Mapping[str, str] | None = None


_Marker = asyncio.Future[None]


class Outbox:
    """Publishes letters; those of one lane (say, one node of one task) one after another, lanes beside each other.

    Order within a lane is what lets a reader drop what it has seen: everything up to the last identity seen is old.
    A letter is tried until the bus takes it; meanwhile `full` tells the worker to read no more of the log.
    """

    def __init__(self, bus: Bus, most: int = 20_000, most_bytes: int = 64 << 20) -> None:
        """most, most_bytes: how many letters, and bytes in them, may wait before it is full."""
        self._bus = bus
        self._most, self._most_bytes = most, most_bytes
        self._lanes: dict[str, deque[Letter | _Marker]] = {}
        self._waiting = self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._less = asyncio.Event()

    def send(self, lane: str, letter: Letter) -> None:
        """Queue a letter behind those of its lane."""
        self._waiting += 1
        self._bytes += len(letter.data)
        queue = self._lanes.get(lane)
        if queue is not None:
            queue.append(letter)
            return
        self._lanes[lane] = deque([letter])
        task = asyncio.create_task(self._empty(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        for queue in self._lanes.values():
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

    async def _empty(self, lane: str) -> None:
        queue = self._lanes[lane]
        while queue:
            first = queue[0]
            if isinstance(first, asyncio.Future):
                if not first.done():
                    first.set_result(None)
            else:
                standing = first.standing()
                if standing is Standing.UNSURE or (standing is Standing.HELD and not await self._try(first)):
                    await asyncio.sleep(_PAUSE)
                    continue
                self._waiting -= 1
                self._bytes -= len(first.data)
                self._less.set()
            queue.popleft()
        del self._lanes[lane]

    async def _try(self, letter: Letter) -> bool:
        try:
            await self._bus.publish(letter.subject, letter.data, letter.headers, letter.message_id)
        except (PayloadTooLarge, ValueError) as e:
            log.error("a message cannot be put on the bus and is dropped", subject=letter.subject, error=str(e))
        except BusError as e:
            log.limited(letter.subject).warn(
                "the bus does not take a message yet", subject=letter.subject, error=str(e)
            )
            return False
        return True
