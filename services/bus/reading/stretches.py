"""A part of a stream, read from one place to another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from services.bus.connection import Bus
from services.bus.follow import Follower, StoredMessage

_MOST_BYTES = 16 << 20  # of the log that wait here
_QUIET_SECONDS = 2.0  # in which nothing comes, until it is asked anew how much there is


async def read_subjects(
    bus: Bus, stream: str, subjects: Sequence[str], after: int, until: int, created: str = ""
) -> AsyncGenerator[list[StoredMessage]]:
    """All messages of some subjects behind one place in a stream, up to and with another.

    What the stream lets go of meanwhile is not waited for. created: when it was made that these are places in, see
    Bus.follow. Close it (contextlib.aclosing) where it is not read to its end. Raises BusError.
    """
    if not subjects or after >= until:
        return
    while True:
        async with bus.follow(stream, subjects, after, max_bytes=_MOST_BYTES, created=created) as follower:
            left = await follower.lag()
            while left:
                messages = await _next(follower)
                if not messages:
                    break
                left = follower.pending
                if messages[-1].seq >= until:
                    wanted = [m for m in messages if m.seq <= until]
                    if wanted:
                        yield wanted
                    return
                yield messages
            else:
                return
            after = follower.position


async def _next(follower: Follower) -> list[StoredMessage]:
    """What comes next; nothing where JetStream may have counted what it let go of meanwhile, which never comes."""
    while True:
        try:
            async with asyncio.timeout(_QUIET_SECONDS):
                return await follower.batch()
        except TimeoutError:
            if follower.connected:
                return []
