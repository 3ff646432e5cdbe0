"""How far back looks at the log can go."""

from __future__ import annotations

from grammar.golang.times import format_rfc3339
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.reading.places_by_time import whole_since
from services.gateway.operations.operation_error import OperationError


async def check_reach(bus: Bus, stop: int) -> None:
    """Whether the log of writes holds anything of what was stored up to a time (ns).

    Raises OperationError, 410 with the time from which on it can be had.
    """
    try:
        since = await whole_since(bus)
    except BusError as error:
        raise OperationError(503, f"the bus cannot be reached: {error}") from error
    if stop < since:
        raise OperationError(410, f"stop: the log holds only what was written since {format_rfc3339(since)}")
