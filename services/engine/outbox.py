"""What a step's effects put on the bus, in order for each sender, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge

log = logs.get("engine")

_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be stored in JetStream. `may_go` is asked right before each try: False drops the letter."""

    subject: str
    data: bytes
    message_id: str | None
    may_go: Callable[[], bool]


class Outbox:
    """Publishes letters; those of one lane (say, one node of one task) one after another, lanes beside each other.

    Order within a lane is what lets a reader drop what it has seen: everything up to the last identity seen is old.
    A letter is tried until the bus takes it; meanwhile `full` tells the worker to read no more of the log.
    """

    def __init__(self, bus: Bus, most: int = 20_000) -> None:
        self._bus = bus
        self._most = most
        self._lanes: dict[str, deque[Letter]] = {}
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._less = asyncio.Event()

    def send(self, lane: str, letter: Letter) -> None:
        """Queue a letter behind those of its lane."""
        self._waiting += 1
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
        return self._waiting >= self._most

    async def room(self) -> None:
        """Wait until it is not full."""
        while self.full:
            self._less.clear()
            await self._less.wait()

    async def sent(self) -> None:
        """Wait until everything queued so far has been acknowledged."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _empty(self, lane: str) -> None:
        queue = self._lanes[lane]
        while queue:
            letter = queue[0]
            if letter.may_go() and not await self._try(letter):
                await asyncio.sleep(_PAUSE)
                continue
            queue.popleft()
            self._waiting -= 1
            self._less.set()
        del self._lanes[lane]

    async def _try(self, letter: Letter) -> bool:
        try:
            await self._bus.publish(letter.subject, letter.data, msg_id=letter.message_id)
        except PayloadTooLarge as e:
            log.error("a message is too large for the bus and is dropped", subject=letter.subject, error=str(e))
        except BusError as e:
            log.warn("the bus does not take a message yet", subject=letter.subject, error=str(e))
            return False
        return True
