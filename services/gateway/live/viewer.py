"""One who looks on, and what waits for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.api.watching.live import LOG_LEVELS

MOST_BYTES = 256 << 10
"""Of events that wait for one viewer."""

Frames = bytes | Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer wants to see. level: of logs, "" for all. may: whether they may read a path of the API."""

    kinds: frozenset[str]
    task: str = ""
    topic: str = ""
    level: str = ""
    may: Callable[[str], bool] = lambda path: True

    def takes_line(self, line: dict[str, Any]) -> bool:
        """Whether a line of the log is one of those that are wanted."""
        if self.task and line.get("task") != self.task:
            return False
        return not self.level or line.get("lvl") in LOG_LEVELS[LOG_LEVELS.index(self.level) :]


class Viewer:
    """Never waits for whoever reads: of events too many are left out and counted, the oldest first, and of what stands
    (overview, tasks …) the newest alone is kept."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.doubted = False
        """Whether it is to be looked again who they are."""
        self._events: deque[bytes] = deque()
        self._size = self._dropped = 0
        self._states: dict[str, Frames] = {}
        self._arrived = asyncio.Event()

    def tell(self, event: bytes) -> None:
        """Something has happened. event: see `frame`."""
        self._events.append(event)
        self._size += len(event)
        while self._size > MOST_BYTES and len(self._events) > 1:
            self._size -= len(self._events.popleft())
            self._dropped += 1
        self._arrived.set()

    def show(self, name: str, frames: Frames, whole: Frames | None = None) -> None:
        """Something that stands is otherwise. frames: what makes the present of what was shown last.

        whole: what tells all of it, where `frames` does not: for who has not taken the last one yet.
        """
        self._states[name] = whole if whole is not None and name in self._states else frames
        self._arrived.set()

    def doubt(self) -> None:
        """It may be that they may look on no more: `next` returns, with nothing if need be."""
        self.doubted = True
        self._arrived.set()

    async def next(self, seconds: float) -> bytes:
        """All that waits; after so many seconds without anything, nothing."""
        if not self._arrived.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return b""
        self._arrived.clear()
        found = [frame("lagging", {"dropped": self._dropped})] if self._dropped else []
        found += self._events
        found += [frames if isinstance(frames, bytes) else frames() for frames in self._states.values()]
        self._events.clear()
        self._states.clear()
        self._size = self._dropped = 0
        return b"".join(found)


def frame(name: str, data: Any) -> bytes:
    """An event as the stream has it."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
