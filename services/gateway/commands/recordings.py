"""Deciding what becomes of recordings. HTTP and the bus both come here."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.golang.times import format_rfc3339, parse_rfc3339
from grammar.tickscript.ast import TickscriptError
from schemas.api.recording import ImportRecordingSchema, RecordBatchSchema, RecordQuerySchema, RecordStreamSchema
from schemas.api.task import TYPES
from services.bus.buckets.objects import Objects
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.reading.places_by_time import position_at, whole_since
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.recording_upload import type_of
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.readmodels.recordings import RecordingReadModel
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.process.pools import Busy, Pool
from services.store.folds.definition import plain_dbrps
from services.store.folds.recordings import RecordingRecord
from services.store.folds.tasks import TaskRecord

STORE = "tickbus-recordings"
"""The object store that recorders keep recordings in; what is to be imported is put there too."""

_threads = Pool("imports", threads=2, most_waiting=16)

EARLIEST = -(2**63)
"""Stands for no time: before every point."""


class RecordingCommands:
    """Each command is decided on the read models, and decided anew where somebody else was first."""

    def __init__(
        self,
        bus: Bus,
        tasks: TaskReadModel,
        state: RecordingReadModel,
        scripts: Scripts,
        replicas: int,
        disk: NatsDisk,
        max_import: int,
    ) -> None:
        """max_import: how many bytes the file of a recording may unpack to."""
        self._bus, self._tasks, self._state, self._scripts = bus, tasks, state, scripts
        self._replicas, self._disk, self._max_import = replicas, disk, max_import
        self._decisions = Decisions(bus, state, "recording", disk)
        self._objects: Objects | None = None

    async def stream(self, body: Any) -> RecordingRecord:
        """Begin to record what a task reads; gives the recording's record. Raises OperationError."""
        given = read(RecordStreamSchema(), body)
        start, stop = requested_time(given["start"]), requested_time(given["stop"])
        if given["start"] is not None:
            start, stop = _past_span(start, stop)
        id = self._id(given)
        task = self._task(given["task"])
        return await self._create(id, lambda: self._stream(task, start, stop))

    async def batch(self, body: Any) -> RecordingRecord:
        """Begin to record what a task's queries give. Raises OperationError."""
        given = read(RecordBatchSchema(), body)
        start, stop = requested_time(given["start"]), requested_time(given["stop"])
        id = self._id(given)
        if start == EARLIEST:
            raise OperationError(400, "must provide start time")
        task = self._task(given["task"])
        data = {
            "type": "batch",
            "source": "batch",
            "task": task.id,
            "task-type": task.definition.type,
            "definition": task.definition.to_plain(),
            "start": start,
            "stop": time.time_ns() if stop == EARLIEST else stop,
        }
        return await self._create(id, lambda: _ready(data))

    async def query(self, body: Any) -> RecordingRecord:
        """Begin to record what a query gives. Raises OperationError."""
        given = read(RecordQuerySchema(), body)
        if given["type"] not in ("", *TYPES):
            raise OperationError(400, f"unknown TaskType {given['type']}")
        id = self._id(given)
        if not given["query"]:
            raise OperationError(400, "must provide query")
        if not given["type"]:
            raise OperationError(400, "must provide type")
        data = {"type": given["type"], "source": "query", "query": given["query"], "cluster": given["cluster"]}
        return await self._create(id, lambda: _ready(data))

    async def take_in(self, parameters: Any, file: bytes) -> RecordingRecord:
        """Make a recording of Kapacitor's own file, of a stream (.srpl) or of batches (.brpl).

        Raises OperationError: 413 where it unpacks to too much.
        """
        id = self._id(read(ImportRecordingSchema(), parameters))
        try:
            type = await _threads.run(type_of, file, self._max_import)
        except Busy as error:
            raise OperationError(503, f"the file cannot be looked at now: {error}") from error
        full = self._disk.refuses_data(len(file))
        if full:
            raise OperationError(503, f"the file cannot be stored: {full}")
        name = f"import/{uuid.uuid4()}"
        try:
            if self._objects is None:
                self._objects = await self._bus.objects(STORE, self._replicas)
            await self._objects.put(name, file)
        except BusError as error:
            raise OperationError(503, f"the file cannot be stored: {error}") from error
        try:
            return await self._create(id, lambda: _ready({"type": type, "source": "import", "object": name}))
        except OperationError as refusal:
            # at 503 the recording may be there for all we know; if not, recorders drop the file
            if refusal.status != 503:
                with contextlib.suppress(BusError):
                    await self._objects.delete(name)
            raise

    async def delete(self, id: str) -> None:
        """Delete a recording, and stop it; no error where there is none. Raises OperationError."""
        await delete(self._decisions, id, lambda: None if self._state.recording(id) is None else {})

    async def _create(self, id: str, data: Callable[[], Awaitable[dict[str, Any]]]) -> RecordingRecord:
        async def define(expected_version: int) -> int:
            if self._state.recording(id) is not None:
                raise OperationError(500, "recording already exists")
            return await self._decisions.publish(id, "defined", await data(), expected_version)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, define)
        record = self._state.recording(id)
        if record is None:
            raise OperationError(500, "error finding recording: no recording exists")
        return record

    async def _stream(self, task: TaskRecord, start: int, stop: int) -> dict[str, Any]:
        if task.definition.type != "stream":
            measurements: list[str] | None = []
        else:
            await self._scripts.ready_task(task.definition)
            try:
                graph = self._scripts.compile(task.definition.script, task.definition.vars).graph
            except TickscriptError as error:
                raise OperationError(500, f"the task's script cannot be read any more: {error}") from error
            found = graph.measurements()
            measurements = None if found is None else sorted(found)
        return {
            "type": "stream",
            "source": "stream",
            "task": task.id,
            "task-type": task.definition.type,
            "dbrps": plain_dbrps(task.definition.dbrps),
            "measurements": measurements,
            "position": await (self._decisions.position() if start == EARLIEST else self._position_at(start)),
            "start": 0 if start == EARLIEST else start,
            "stop": stop,
        }

    async def _position_at(self, start: int) -> int:
        """The place behind which everything was written from a time (ns) on. Raises OperationError."""
        try:
            since = await whole_since(self._bus)
            if since > start:
                since_text = format_rfc3339(since)
                raise OperationError(400, f"start: the log holds only what was written since {since_text}")
            return await position_at(self._bus, start - 1)
        except BusError as error:
            raise OperationError(503, f"the bus cannot be reached: {error}") from error

    def _id(self, given: dict[str, Any]) -> str:
        id: str = given["id"] or str(uuid.uuid4())
        self._decisions.check_id(id)
        return id

    def _task(self, id: str) -> TaskRecord:
        record = self._tasks.get(id)
        if record is None:
            raise OperationError(404, "no task exists")
        return record


def read(schema: Schema, body: Any) -> dict[str, Any]:
    """A request. Raises OperationError."""
    try:
        data: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    return data


def requested_time(text: str | None) -> int:
    """A time of a request in ns since 1970, EARLIEST for none. Raises OperationError."""
    if text is None:
        return EARLIEST
    try:
        return min(max(parse_rfc3339(text), EARLIEST), -EARLIEST - 1)
    except ValueError as error:
        raise OperationError(400, f"invalid time: {error}") from error


def _past_span(start: int, stop: int) -> tuple[int, int]:
    """start and stop of a recording that begins in the past, ns. Raises OperationError."""
    now = time.time_ns()
    stop = now if stop == EARLIEST else stop
    if start > now:
        raise OperationError(400, "start: must have passed")
    if stop <= start:
        raise OperationError(400, "stop: must be later than start")
    return max(start, 1), stop  # 0 stands for none


async def delete(decisions: Decisions, id: str, data: Callable[[], dict[str, Any] | None]) -> None:
    """Publish `deleted` with what `data` gives; nothing where that gives None. Raises OperationError."""

    async def decide(expected_version: int) -> None:
        found = data()
        if found is not None:
            await decisions.publish(id, "deleted", found, expected_version)

    async with decisions.alone(id):
        await decisions.decide(id, decide)


async def _ready(data: dict[str, Any]) -> dict[str, Any]:
    return data
