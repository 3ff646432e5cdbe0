"""Places in the log of writes by the time at which messages were stored."""

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
    state = await bus.stream_state(WRITES)
    low, high = state.first_seq - 1, state.last_seq
    while low < high:
        middle = (low + high + 1) // 2
        found = await _first_from(bus, middle, high)
        if found is not None and found.time_ns <= time:
            low = found.seq
        else:
            high = middle - 1
    return WritesSeq(max(low, 0))


async def whole_since(bus: Bus) -> int:
    """Since when (ns) the log holds all that was stored; 0: it has dropped nothing. Raises BusError."""
    state = await bus.stream_state(WRITES)
    if state.first_seq <= 1:
        return 0
    found = await _first_from(bus, state.first_seq, state.last_seq)
    return clock.time_ns() if found is None else found.time_ns


async def _first_from(bus: Bus, seq: int, last: int) -> StoredMessage | None:
    """The first message from a sequence on, None where there is none up to `last`, or only far behind."""
    for one in range(seq, min(seq + _GONE, last + 1)):
        found = await bus.get_message(WRITES, one)
        if found is not None:
            return found
    return None
