"""Lists show of each task how its script is laid out and what its graph is: made ready before the first list asks."""

from __future__ import annotations

import contextlib

from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.time_slice import TimeSlice
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel

_SHARE = 0.2


async def warm_up(state: TaskReadModel, scripts: Scripts) -> None:
    """Lay out and compile the scripts of all tasks, beside whatever else there is to do.

    Those that are refused, as there is too much to do, the first list finds as they are.
    """
    time_slice = TimeSlice(_SHARE)
    for id in state.ids():
        record = state.get(id)
        if record is None:
            continue
        for definition in (record.definition, *([record.run.definition] if record.run is not None else [])):
            with contextlib.suppress(OperationError):
                await scripts.ready_to_show(definition)
            await time_slice.yield_if_over()
