"""Looking again: what one gateway does not know of may just have been stored by another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from services.bus.errors import BusError
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.read_model import ReadModel

_NOT_THERE = 404


def looking_again(operation: Operation, models: Sequence[ReadModel]) -> Operation:
    """The operation; before it is told that something is not there, these read what the log holds by then."""
    if not models:
        return operation

    async def run(request: OperationRequest) -> Reply:
        known = [model.position for model in models]
        try:
            return await operation.run(request)
        except OperationError as error:
            if error.status != _NOT_THERE or not await _are_behind(models, known):
                raise
        return await operation.run(request)

    return replace(operation, run=run)


async def _are_behind(models: Sequence[ReadModel], known: Sequence[int]) -> bool:
    """Whether the log holds more than was known at these positions; the models have it now."""
    try:
        ends = await asyncio.gather(*(model.catch_up() for model in models))
    except (BusError, TimeoutError):
        return False
    return any(end > position for end, position in zip(ends, known, strict=True))
