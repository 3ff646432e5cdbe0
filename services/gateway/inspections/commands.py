"""Deciding what becomes of traces and backtests. HTTP and the bus both come here."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.recordings import delete
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.recordings import RecordingReadModel
from services.store.folds.inspections import InspectionRecord


class InspectionCommands:
    """Those of one kind, `trace` or `backtest`, each decided on the read model."""

    def __init__(self, bus: Bus, state: RecordingReadModel, kind: str, disk: NatsDisk) -> None:
        self._state, self._kind = state, kind
        self._decisions = Decisions(bus, state, kind, disk)

    async def create(self, id: str, data: dict[str, Any]) -> InspectionRecord:
        """Have one begun; gives its record. Raises OperationError, 409 where there is one of this id.

        id: "" for one that is made. data: of its event `defined`.
        """
        id = id or str(uuid.uuid4())
        self._decisions.check_id(id)

        async def define(expected_version: int) -> int:
            if self._state.inspection(self._kind, id) is not None:
                raise OperationError(409, f"{self._kind} already exists: {id}")
            return await self._decisions.publish(id, "defined", data, expected_version)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, define)
        record = self._state.inspection(self._kind, id)
        if record is None:
            raise OperationError(404, f"no {self._kind} exists")
        return record

    async def delete(self, id: str) -> None:
        """Delete one, and stop it; no error where there is none. Raises OperationError."""
        await delete(self._decisions, id, lambda: None if self._state.inspection(self._kind, id) is None else {})


def read_span(given: Mapping[str, Any]) -> tuple[int, int]:
    """start and stop of a request that was read, ns; what is to come of the log is not waited for.

    Raises OperationError (400).
    """
    now = time.time_ns()
    start, stop = given["start"], now if given["stop"] is None else given["stop"]
    if start > now:
        raise OperationError(400, "start: must have passed")
    if start >= stop:
        raise OperationError(400, "stop: must be later than start")
    return start, min(stop, now)
