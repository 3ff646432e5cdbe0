"""Places in a log by the time at which messages were stored."""

from __future__ import annotations

import time as clock

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES

_GONE = 64  # messages one after another that may be missing in the middle of the log: deleted one by one


async def position_at(bus: Bus, time: int) -> WritesSeq:
    """The place in the log behind which everything was stored after a time (ns): the last message stored by then.

    The one before the first message that the log still holds where that is younger. Raises BusError.
    """
    return WritesSeq(await place_at(bus, WRITES, time))


async def place_at(bus: Bus, stream: str, time: int) -> int:
    """The same of any stream."""
    state = await bus.stream_state(stream)
    low, high = max(state.first_seq - 1, 0), state.last_seq  # nothing was ever stored: both are 0
    while low < high:
        middle = (low + high + 1) // 2
        found = await _first_from(bus, stream, middle, high)
        if found is not None and found.time_ns <= time:
            low = found.seq
        else:
            high = middle - 1
    return low


async def whole_since(bus: Bus, stream: str = WRITES) -> int:
    """Since when (ns) a stream holds all that was stored; 0: it has dropped nothing. Raises BusError."""
    state = await bus.stream_state(stream)
    if state.first_seq <= 1:
        return 0
    found = await _first_from(bus, stream, state.first_seq, state.last_seq)
    return clock.time_ns() if found is None else found.time_ns


async def _first_from(bus: Bus, stream: str, seq: int, last: int) -> StoredMessage | None:
    """The first message from a sequence on, None where there is none up to `last`, or only far behind."""
    for one in range(seq, min(seq + _GONE, last + 1)):
        found = await bus.get_message(stream, one)
        if found is not None:
            return found
    return None
