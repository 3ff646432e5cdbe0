"""Work on big bodies beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from services.process.pools import Pool

A = TypeVar("A")
T = TypeVar("T")

_OFF_LOOP_BYTES = 4 << 20
_threads = Pool("writes", 4)


async def off_loop(work: Callable[[bytes, A], T], body: bytes, argument: A) -> T:
    """Big bodies are worked on in a thread, so that other requests go on meanwhile."""
    if len(body) < _OFF_LOOP_BYTES:
        return work(body, argument)
    return await _threads.run(work, body, argument)
