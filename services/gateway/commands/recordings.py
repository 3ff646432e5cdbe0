"""Deciding what becomes of recordings. HTTP and the bus both come here."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.tickscript.ast import TickscriptError
from schemas.api.recording import ImportRecordingSchema, RecordBatchSchema, RecordQuerySchema, RecordStreamSchema
from schemas.api.task import TYPES
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.objects import Objects
from services.bus.times import to_nanoseconds
from services.engine.task import measurements_of
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.disk import Disk
from services.gateway.recorder_state import RecorderState
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState
from services.store.projections.tasks import Record, definition_of

STORE = "tickbus-recordings"
"""The object store that recorders keep recordings in; what is to be imported is put there too."""

_SIGNS = ((b"\x1f\x8b", "stream"), (b"PK\x03\x04", "batch"), (b"PK\x05\x06", "batch"))

EARLIEST = -(2**63)
"""Stands for no time: before every point."""


class RecordingCommands:
    """Each command is decided on the folds, and decided anew where somebody else was first."""

    def __init__(
        self, bus: Bus, tasks: TaskState, state: RecorderState, scripts: Scripts, replicas: int, disk: Disk
    ) -> None:
        self._bus, self._tasks, self._state, self._scripts = bus, tasks, state, scripts
        self._replicas, self._disk = replicas, disk
        self._decisions = Decisions(bus, state, "recording", disk)
        self._objects: Objects | None = None

    async def stream(self, body: Any) -> Record:
        """Begin to record what a task reads; gives the recording's record. Raises Refusal."""
        given = read(RecordStreamSchema(), body)
        stop = moment(given["stop"])
        id = self._id(given)
        task = self._task(given["task"])
        return await self._create(id, lambda: self._stream(task, stop))

    async def batch(self, body: Any) -> Record:
        """Begin to record what a task's queries give. Raises Refusal."""
        given = read(RecordBatchSchema(), body)
        start, stop = moment(given["start"]), moment(given["stop"])
        id = self._id(given)
        if start == EARLIEST:
            raise Refusal(400, "must provide start time")
        task = self._task(given["task"])
        data = {
            "type": "batch",
            "source": "batch",
            "task": task["id"],
            "task-type": task["type"],
            "definition": definition_of(task),
            "start": start,
            "stop": time.time_ns() if stop == EARLIEST else stop,
        }
        return await self._create(id, lambda: _ready(data))

    async def query(self, body: Any) -> Record:
        """Begin to record what a query gives. Raises Refusal."""
        given = read(RecordQuerySchema(), body)
        if given["type"] not in ("", *TYPES):
            raise Refusal(400, f"unknown TaskType {given['type']}")
        id = self._id(given)
        if not given["query"]:
            raise Refusal(400, "must provide query")
        if not given["type"]:
            raise Refusal(400, "must provide type")
        data = {"type": given["type"], "source": "query", "query": given["query"], "cluster": given["cluster"]}
        return await self._create(id, lambda: _ready(data))

    async def take_in(self, parameters: Any, file: bytes) -> Record:
        """Make a recording of Kapacitor's own file, of a stream (.srpl) or of batches (.brpl). Raises Refusal."""
        id = self._id(read(ImportRecordingSchema(), parameters))
        type = next((type for sign, type in _SIGNS if file.startswith(sign)), None)
        if type is None:
            raise Refusal(
                400, "not a recording's file: it is neither compressed by gzip (.srpl) nor a zip file (.brpl)"
            )
        full = self._disk.refuses_data(len(file))
        if full:
            raise Refusal(503, f"the file cannot be stored: {full}")
        name = f"import/{uuid.uuid4()}"
        try:
            if self._objects is None:
                self._objects = await self._bus.objects(STORE, self._replicas)
            await self._objects.put(name, file)
        except BusError as error:
            raise Refusal(503, f"the file cannot be stored: {error}") from error
        try:
            return await self._create(id, lambda: _ready({"type": type, "source": "import", "object": name}))
        except Refusal as refusal:
            # at 503 the recording may be there for all we know; if not, recorders drop the file
            if refusal.status != 503:
                with contextlib.suppress(BusError):
                    await self._objects.delete(name)
            raise

    async def delete(self, id: str) -> None:
        """Delete a recording, and stop it; no error where there is none. Raises Refusal."""
        await delete(self._decisions, id, lambda: None if self._state.get("recording", id) is None else {})

    async def _create(self, id: str, data: Callable[[], Awaitable[dict[str, Any]]]) -> Record:
        async def define(basis: int) -> int:
            if self._state.get("recording", id) is not None:
                raise Refusal(500, "recording already exists")
            return await self._decisions.publish(id, "defined", await data(), basis)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, define)
        record = self._state.get("recording", id)
        if record is None:
            raise Refusal(500, "error finding recording: no recording exists")
        return record

    async def _stream(self, task: Record, stop: int) -> dict[str, Any]:
        if task["type"] != "stream":
            measurements: list[str] | None = []
        else:
            try:
                graph = self._scripts.compile(task["script"], task["vars"]).graph
            except TickscriptError as error:
                raise Refusal(500, f"the task's script cannot be read any more: {error}") from error
            found = measurements_of(graph)
            measurements = None if found is None else sorted(found)
        return {
            "type": "stream",
            "source": "stream",
            "task": task["id"],
            "task-type": task["type"],
            "dbrps": task["dbrps"],
            "measurements": measurements,
            "position": await self._decisions.position(),
            "stop": stop,
        }

    def _id(self, given: dict[str, Any]) -> str:
        id: str = given["id"] or str(uuid.uuid4())
        self._decisions.check_id(id)
        return id

    def _task(self, id: str) -> Record:
        record = self._tasks.get(id)
        if record is None:
            raise Refusal(404, "no task exists")
        return record


def read(schema: Schema, body: Any) -> dict[str, Any]:
    """A request. Raises Refusal."""
    try:
        data: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    return data


def moment(text: str | None) -> int:
    """A time of a request in ns since 1970, EARLIEST for none. Raises Refusal."""
    if text is None:
        return EARLIEST
    try:
        return min(max(to_nanoseconds(text), EARLIEST), -EARLIEST - 1)
    except ValueError as error:
        raise Refusal(400, f"invalid time: {error}") from error


async def delete(decisions: Decisions, id: str, data: Callable[[], dict[str, Any] | None]) -> None:
    """Publish `deleted` with what `data` gives; nothing where that gives None. Raises Refusal."""

    async def decide(basis: int) -> None:
        found = data()
        if found is not None:
            await decisions.publish(id, "deleted", found, basis)

    async with decisions.alone(id):
        await decisions.decide(id, decide)


async def _ready(data: dict[str, Any]) -> dict[str, Any]:
    return data
