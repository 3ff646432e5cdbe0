"""Deciding what becomes of replays. HTTP and the bus both come here."""

from __future__ import annotations

import time
import uuid
from typing import Any

from schemas.api.replay import CLOCKS, CreateReplaySchema, ReplayBatchSchema, ReplayQuerySchema
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.recordings import EARLIEST, delete, read, requested_time
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.recordings import RecordingReadModel
from services.gateway.readmodels.tasks import TaskReadModel
from services.store.folds.recordings import ReplayRecord
from services.store.folds.tasks import TaskRecord


class ReplayCommands:
    """Each command is decided on the read models, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, tasks: TaskReadModel, state: RecordingReadModel, disk: NatsDisk) -> None:
        self._tasks, self._state = tasks, state
        self._decisions = Decisions(bus, state, "replay", disk)

    async def create(self, body: Any) -> ReplayRecord:
        """Begin to replay a recording; gives the replay's record. Raises OperationError."""
        given = self._read(CreateReplaySchema(), body)
        id = self._id(given)
        task = self._task(given["task"])
        recording = self._state.recording(given["recording"])
        if recording is None:
            raise OperationError(404, "recording not found: no recording exists")
        more = {"recording": recording.id, "recording-sequence": recording.sequence}
        return await self._create(id, task, given, {"source": "recording", **more})

    async def batch(self, body: Any) -> ReplayRecord:
        """Begin to replay what a task's queries give. Raises OperationError."""
        given = self._read(ReplayBatchSchema(), body)
        start, stop = requested_time(given["start"]), requested_time(given["stop"])
        id = self._id(given)
        task = self._task(given["task"])
        if task.definition.type == "stream":
            raise OperationError(400, f"cannot replay batch against stream task: {task.id}")
        if start == EARLIEST:
            raise OperationError(400, "must provide start time")
        stop = time.time_ns() if stop == EARLIEST else stop
        return await self._create(id, task, given, {"source": "batch", "start": start, "stop": stop})

    async def query(self, body: Any) -> ReplayRecord:
        """Begin to replay what a query gives. Raises OperationError."""
        given = self._read(ReplayQuerySchema(), body)
        id = self._id(given)
        if not given["query"]:
            raise OperationError(400, "must provide query")
        task = self._task(given["task"])
        more = {"query": given["query"], "cluster": given["cluster"]}
        return await self._create(id, task, given, {"source": "query", **more})

    async def delete(self, id: str) -> None:
        """Delete a replay, and stop it; no error where there is none. Raises OperationError."""

        def data() -> dict[str, Any] | None:
            record = self._state.replay(id)
            return None if record is None else {"task": record.task}

        await delete(self._decisions, id, data)

    async def _create(self, id: str, task: TaskRecord, given: dict[str, Any], more: dict[str, Any]) -> ReplayRecord:
        data = {
            "task": task.id,
            "definition": task.definition.to_plain(),
            "clock": given["clock"],
            "recording-time": given["recording_time"],
            **more,
        }

        async def define(expected_version: int) -> int:
            if self._state.replay(id) is not None:
                raise OperationError(500, "replay already exists")
            what = "defined" if given["side_effects"] else "defined-dry"
            return await self._decisions.publish(id, what, data, expected_version)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, define)
        record = self._state.replay(id)
        if record is None:
            raise OperationError(404, "could not find replay: no replay exists")
        return record

    def _read(self, schema: Any, body: Any) -> dict[str, Any]:
        given = read(schema, body)
        if given["clock"] not in CLOCKS:
            raise OperationError(400, f"unknown Clock {given['clock']}")
        return given

    def _id(self, given: dict[str, Any]) -> str:
        id: str = given["id"] or str(uuid.uuid4())
        self._decisions.check_id(id)
        return id

    def _task(self, id: str) -> TaskRecord:
        record = self._tasks.get(id)
        if record is None:
            raise OperationError(404, "task load: no task exists")
        return record
