"""Work on big bodies beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from services.process.pools import Pool

P = ParamSpec("P")
T = TypeVar("T")

_OFF_LOOP_BYTES = 4 << 20
_threads = Pool("writes", 4)


async def off_loop(work: Callable[Concatenate[bytes, P], T], body: bytes, *arguments: P.args, **more: P.kwargs) -> T:
    """Big bodies are worked on in a thread, so that other requests go on meanwhile."""
    if len(body) < _OFF_LOOP_BYTES:
        return work(body, *arguments, **more)
    return await _threads.run(work, body, *arguments, **more)
