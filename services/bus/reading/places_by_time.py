"""Places in a log by the time at which messages were stored."""

from __future__ import annotations

import time as clock

from services.bus.connection import Bus
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES


async def position_at(bus: Bus, time: int) -> WritesSeq:
    """The place in the log behind which everything was stored after a time (ns): the last message stored by then.

    The one before the first message that the log still holds where that is younger. Raises BusError.
    """
    return WritesSeq(await place_at(bus, WRITES, time))


async def place_at(bus: Bus, stream: str, time: int) -> int:
    """The same of any stream, which may let go of its oldest messages meanwhile."""
    state = await bus.stream_state(stream)
    low, high = max(state.first_seq - 1, 0), state.last_seq  # nothing was ever stored: both are 0
    while low < high:
        middle = (low + high + 1) // 2
        found = await bus.first_message(stream, middle)
        if found is not None and found.time_ns <= time:
            low = found.seq  # which may lie behind `high` where that was let go of
        else:
            high = middle - 1
    return low


async def whole_since(bus: Bus, stream: str = WRITES) -> int:
    """Since when (ns) a stream holds all that was stored; 0: it has dropped nothing. Raises BusError."""
    state = await bus.stream_state(stream)
    if state.first_seq <= 1:
        return 0
    found = await bus.first_message(stream, state.first_seq)
    return clock.time_ns() if found is None else found.time_ns
