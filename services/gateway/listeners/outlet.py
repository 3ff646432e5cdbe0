"""The way from an input to the bus: what it takes waits here until there is enough of it or it has been long enough."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from dataclasses import dataclass

from services.gateway.http.rejection import RequestRejected
from services.gateway.http.writing.line_store import LineStore
from services.process import log as logs

_MOST_WAITING_BYTES = 32 << 20
_MESSAGE_BYTES = 256 << 10
_TRY_AGAIN_SECONDS = 1.0
_KEEP_TRYING_SECONDS = 60.0
"""Within the two minutes for which JetStream knows a message's id, so that what was stored unheard is not doubled."""
_LATER = 503
_log = logs.get("inputs")


@dataclass(frozen=True, slots=True)
class Batching:
    """size, seconds: a message goes once so many pieces wait, or so long after the first. pending: how many more may
    wait meanwhile."""

    size: int
    seconds: float
    pending: int


@dataclass(frozen=True, slots=True)
class _Piece:
    body: bytes
    points: int


class Outlet:
    """Takes pieces of line protocol and stores them in the order in which they came, one message after the other.

    While nothing can be stored the message on its way is tried again and the rest waits, as far as there is room; what
    there is no room for is dropped. Counts since the start: batches, points: stored. failed, lost: batches given up on,
    and pieces for which there was no room or that went with such a batch. dropped: the points of these.
    """

    def __init__(self, name: str, store: LineStore, subject: str, batching: Batching) -> None:
        """name: the input's, for the log. subject: where it writes to."""
        self._name, self._store, self._subject, self._batching = name, store, subject, batching
        self._most = batching.size + batching.pending
        self._waiting: deque[_Piece] = deque()
        self._bytes = 0  # of what waits
        self._some, self._enough, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.batches = self.points = self.failed = self.lost = self.dropped = 0

    def start(self) -> None:
        """Begin to send."""
        self._running = asyncio.create_task(self._run())

    async def stop(self, timeout: float) -> None:
        """Send what waits, as far as that is possible within so many seconds; the rest is dropped."""
        if self._running is None:
            return
        for event in (self._stopping, self._some, self._enough):
            event.set()
        await asyncio.wait([self._running], timeout=timeout)
        self._running.cancel()
        await asyncio.wait([self._running])
        if self._waiting:
            self._drop(len(self._waiting), sum(piece.points for piece in self._waiting), "the gateway stops")

    def put(self, body: bytes, points: int = 1) -> bool:
        """Take some lines, valid and each with its time. False: there is no room, and they are dropped."""
        if self._is_full:
            self._drop(1, points, "too much waits to be stored")
            return False
        self._waiting.append(_Piece(body, points))
        self._bytes += len(body)
        self._some.set()
        if len(self._waiting) >= self._batching.size:
            self._enough.set()
        return True

    async def room(self) -> None:
        """Wait until there is some: for inputs whose senders can be kept waiting."""
        while self._is_full:
            self._room.clear()
            await self._room.wait()

    @property
    def counts(self) -> dict[str, int]:
        """In Kapacitor's words, and how many points were dropped for want of room or of a bus."""
        return {
            "batchesTx": self.batches,
            "pointsTx": self.points,
            "batchesTxFail": self.failed,
            "pointsDropped": self.dropped,
        }

    @property
    def waiting(self) -> int:
        """How many pieces wait, without those on their way."""
        return len(self._waiting)

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) >= self._most or self._bytes >= _MOST_WAITING_BYTES

    async def _run(self) -> None:
        while self._waiting or not self._stopping.is_set():
            await self._some.wait()
            if self._batching.seconds:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._batching.seconds):
                        await self._enough.wait()
            if self._waiting:
                await self._send(self._take())

    def _take(self) -> list[_Piece]:
        """What goes next."""
        taken: list[_Piece] = []
        size = 0
        while self._waiting and len(taken) < self._batching.size and size < _MESSAGE_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1].body)
        self._bytes -= size
        self._room.set()
        if not self._stopping.is_set():
            if not self._waiting:
                self._some.clear()
            if len(self._waiting) < self._batching.size:
                self._enough.clear()
        return taken

    async def _send(self, pieces: list[_Piece]) -> None:
        body = b"\n".join(piece.body for piece in pieces)
        points = sum(piece.points for piece in pieces)
        key, received = uuid.uuid4().hex.encode(), time.time_ns()
        end = time.monotonic() + _KEEP_TRYING_SECONDS
        while True:
            try:
                await self._store.store(self._subject, body, "n", received, key)
            except RequestRejected as rejected:
                if rejected.status != _LATER or time.monotonic() > end or self._stopping.is_set():
                    self.failed += 1
                    self._drop(len(pieces), points, str(rejected))
                    return
            else:
                self.batches += 1
                self.points += points
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN_SECONDS):
                    await self._stopping.wait()

    def _drop(self, pieces: int, points: int, why: str) -> None:
        self.lost += pieces
        self.dropped += points
        _log.limited(f"dropped {self._name}").warn("points dropped", input=self._name, dropped=self.dropped, err=why)
