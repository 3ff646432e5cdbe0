"""Deciding what becomes of tasks: create, update, delete. HTTP and the bus both come here."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from marshmallow import Schema, ValidationError

from grammar.tickscript.ast import TickscriptError
from schemas.api.task import CreateTaskSchema, UpdateTaskSchema
from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.streams import WRITES
from services.bus.subjects import escape
from services.bus.times import from_nanoseconds
from services.gateway.commands.publish import publish
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState
from services.pipeline.compile import api_error, dbrps_of
from services.pipeline.vars import VarsError, parse_vars, vars_json
from services.store.projections.tasks import Record, definition_of

RUN_SECONDS = 10.0
"""How long an answer waits for a worker to say that a task runs, or does not any more."""

_ATTEMPTS = 20
_log = logs.get("gateway")


class _Changed(Exception):
    """The task is no longer what the decision rested on."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to create or update, read. vars_error: what is wrong with vars, said only when their turn comes."""

    id: str
    template_id: str
    dbrps: list[dict[str, str]]
    script: str
    status: str
    vars: dict[str, Any]
    vars_error: str


class TaskCommands:
    """Each command is decided on the fold, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: TaskState, scripts: Scripts) -> None:
        self._bus = bus
        self._state = state
        self._scripts = scripts
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._seen: dict[str, int] = {}

    async def create(self, body: Any) -> Record:
        """Define a task, and run it if it is to be enabled; gives its record. Raises Refusal.

        Checked in Kapacitor 1.5.7's order: id, duplicate, template, script, vars, syntax, type, graph, dbrps. A task
        that cannot start is refused with 500 and is there all the same.
        """
        request = _read(CreateTaskSchema(), body)
        id = request.id or str(uuid.uuid4())
        _check_id(id)
        async with self._alone(id):
            for _ in range(_ATTEMPTS):
                definition = self._new_definition(id, request)
                now = {"id": id, "status": "disabled", "created": from_nanoseconds(time.time_ns())}
                with contextlib.suppress(_Changed):
                    await self._publish(id, "defined", definition | now)
                    break
            else:
                raise _too_busy(id)
            enabled = await self._enable(id) if request.status == "enabled" else 0
        if enabled:
            await self._started(id, enabled)
        return self._there(id)

    async def update(self, id: str, body: Any) -> tuple[Record, Record]:
        """Change a task; gives its record before and after. Raises Refusal.

        Enabling answers once a worker runs the task (500 with the reason if it cannot), disabling once it has stopped.
        """
        request = _read(UpdateTaskSchema(), body)
        async with self._alone(id, request.id):
            before, enabled, disabled = await self._update(id, request)
        if disabled:
            await self._stopped(id, disabled)
        new_id = request.id or id
        if enabled:
            await self._started(new_id, enabled)
        return before, self._there(new_id)

    async def delete(self, id: str) -> None:
        """Delete a task and stop it; no error where there is none. Raises Refusal."""
        async with self._alone(id):
            for _ in range(_ATTEMPTS):
                record = self._state.get(id)
                if record is None:
                    return
                with contextlib.suppress(_Changed):
                    deleted = await self._publish(id, "deleted", {"position": await self._position()})
                    break
            else:
                raise _too_busy(id)
        if _runs(record):
            await self._stopped(id, deleted)

    def _new_definition(self, id: str, request: _Request) -> dict[str, Any]:
        if self._state.get(id) is not None:
            raise Refusal(400, f"task {id} already exists")
        if request.template_id:
            raise Refusal(400, f"unknown template {request.template_id}: err: no template exists")
        if not request.script:
            raise Refusal(400, "must provide TICKscript")
        if request.vars_error:
            raise Refusal(400, request.vars_error)
        definition = self._compiled(request.script, request.vars)
        own = definition["dbrps"]
        if not own and not request.dbrps:
            raise Refusal(400, "must specify dbrp")
        if own and request.dbrps:
            raise Refusal(400, "cannot specify dbrp in both implicitly and explicitly")
        return definition | {"dbrps": own or request.dbrps, "template-id": ""}

    async def _update(self, id: str, request: _Request) -> tuple[Record, int, int]:
        """The record as it was, and the events that enabled and disabled it, 0 for none to wait for."""
        before: Record | None = None
        enabled = disabled = 0
        for _ in range(_ATTEMPTS):
            record = self._state.get(id)
            if record is None:
                raise Refusal(404, "task does not exist, cannot update")
            before = before or record
            definition = self._changed_definition(record, request)
            with contextlib.suppress(_Changed):
                if request.status == "disabled" and record["status"] == "enabled":
                    event = await self._publish(id, "disabled", {"position": await self._position()})
                    disabled = event if _runs(record) else 0
                renamed = await self._redefine(id, request.id or id, definition)
                if renamed and request.status != "disabled" and record["status"] == "enabled":
                    enabled, disabled = renamed, renamed if _runs(record) else 0
                elif request.status == "enabled" and record["status"] == "disabled":
                    enabled = await self._enable(request.id or id)
                return before, enabled, disabled
        raise _too_busy(id)

    def _changed_definition(self, record: Record, request: _Request) -> dict[str, Any]:
        """What the task is to be. Empty parts of a request change nothing; vars are replaced as a whole."""
        if request.id and request.id != record["id"]:
            _check_id(request.id)
            if self._state.get(request.id) is not None:
                raise Refusal(500, "failed to create new task during ID change: task already exists")
        if request.template_id:
            raise Refusal(400, f"unknown template {request.template_id}: err: no template exists")
        script = request.script or record["script"]
        if request.script and not request.dbrps and self._dbrps(record["script"]) and not self._dbrps(script):
            raise Refusal(400, "must specify dbrp")
        own = self._dbrps(script)
        if own and request.dbrps:
            raise Refusal(400, "cannot specify dbrp in implicitly and explicitly")
        if request.vars_error:
            raise Refusal(400, request.vars_error)
        definition = self._compiled(script, request.vars or record["vars"])
        dbrps = own or request.dbrps or record["dbrps"]
        return definition | {"dbrps": dbrps, "template-id": record["template-id"]}

    def _compiled(self, script: str, vars: dict[str, Any]) -> dict[str, Any]:
        """Type, script, vars and the script's own dbrps, everything checked."""
        try:
            compiled = self._scripts.compile(script, vars)
        except TickscriptError as error:
            raise Refusal(400, api_error(error)) from error
        dbrps = [{"db": db, "rp": rp} for db, rp in compiled.dbrps]
        return {"type": compiled.type, "script": script, "vars": vars, "dbrps": dbrps}

    def _dbrps(self, script: str) -> list[dict[str, str]]:
        try:
            return [{"db": db, "rp": rp} for db, rp in dbrps_of(self._scripts.parse(script))]
        except TickscriptError as error:
            raise Refusal(400, api_error(error)) from error

    async def _redefine(self, id: str, new_id: str, definition: dict[str, Any]) -> int:
        """Store a changed definition; gives the event's sequence if it was a rename, else 0."""
        record = self._there(id)
        kept = definition_of(record) | {"template-id": record["template-id"]}
        if new_id == id and definition == kept:
            return 0
        data = definition | {
            "id": new_id,
            "status": record["status"],
            "created": from_nanoseconds(record["created"]),
        }
        if new_id == id:
            await self._publish(id, "updated", data)
            return 0
        data |= {"was": id, "was-sequence": record["sequence"]}
        if record["status"] == "enabled":
            data["position"] = await self._position()
        return await self._publish(new_id, "updated", data)

    async def _enable(self, id: str) -> int:
        """Enable a task that is there; gives the event's sequence, 0 where somebody else has enabled it."""
        for _ in range(_ATTEMPTS):
            record = self._there(id)
            if record["status"] == "enabled":
                return 0
            with contextlib.suppress(_Changed):
                return await self._publish(id, "enabled", {"position": await self._position()})
        raise _too_busy(id)

    async def _publish(self, id: str, what: str, data: dict[str, Any]) -> int:
        """Store a fact and wait until the fold has it; gives its sequence.

        Raises _Changed where the task was changed by somebody else first; the fold then knows of that change.
        """
        last = max(self._state.last(id), self._seen.get(id, 0))
        try:
            seq = await publish(self._bus, "task", id, what, data, last)
        except WrongSequence as error:
            await self._reached(error.last or 0)
            # Events that cannot be read do not show in the fold, but count for JetStream.
            self._seen[id] = error.last or 0
            raise _Changed from error
        self._seen.pop(id, None)
        await self._reached(seq)
        if not self._state.counted(seq):
            raise _Changed
        return seq

    async def _reached(self, seq: int) -> None:
        try:
            await self._state.reached(seq)
        except TimeoutError as error:
            raise Refusal(503, "the change is stored, but this gateway does not see it yet") from error

    async def _position(self) -> int:
        try:
            return await self._bus.last_sequence(WRITES)
        except BusError as error:
            raise Refusal(503, f"the bus cannot be reached: {error}") from error

    async def _started(self, id: str, enabled: int) -> None:
        record = await self._state.ran(id, enabled, RUN_SECONDS)
        if record is None:
            if (self._state.get(id) or {}).get("status") == "enabled":
                raise Refusal(503, f"task {id} is enabled, but no engine worker has started it yet")
            return
        # A task that started and failed later has named its worker: the command itself went well.
        if record["run"]["state"] == "failed" and not record["run"]["worker"]:
            raise Refusal(500, record["error"])

    async def _stopped(self, id: str, disabled: int) -> None:
        if not await self._state.stopped(id, disabled, RUN_SECONDS):
            _log.warn("no worker has said that it stopped the task", task=id)

    def _there(self, id: str) -> Record:
        record = self._state.get(id)
        if record is None:
            raise Refusal(404, "no task exists")
        return record

    @contextlib.asynccontextmanager
    async def _alone(self, *ids: str) -> AsyncIterator[None]:
        """One command at a time on these tasks, so that this gateway does not compete with itself."""
        async with contextlib.AsyncExitStack() as stack:
            for id in sorted({id for id in ids if id}):
                await stack.enter_async_context(self._locks.setdefault(id, asyncio.Lock()))
            yield


def _read(schema: Schema, body: Any) -> _Request:
    try:
        data = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    vars_error = ""
    try:
        given = vars_json(parse_vars(data["vars"]))
    except VarsError as error:
        if str(error) == "invalid JSON":
            raise invalid_json() from error
        given, vars_error = {}, str(error)
    return _Request(data["id"], data["template_id"], data["dbrps"], data["script"], data["status"], given, vars_error)


def _check_id(id: str) -> None:
    if not all(c in "-._0123456789" or c.isalpha() for c in id):
        raise Refusal(400, f"task ID must contain only letters, numbers, '-', '.' and '_'. {_quote(id)}")
    try:
        escape(id)
    except ValueError as error:
        raise Refusal(400, f"task ID is too long: {error}") from error


def _quote(text: str) -> str:
    """As Go quotes a string."""
    shown = []
    for c in text:
        if c in '"\\':
            shown.append("\\" + c)
        elif c.isprintable():
            shown.append(c)
        else:
            shown.append(_GO_ESCAPES.get(c) or (f"\\x{ord(c):02x}" if c < "\x80" else f"\\u{ord(c):04x}"))
    return '"' + "".join(shown) + '"'


_GO_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _runs(record: Record) -> bool:
    """Whether a worker is at it, and will say that it has stopped."""
    return record["run"] is not None and record["run"]["state"] == "started"


def _too_busy(id: str) -> Refusal:
    return Refusal(503, f"task {id} is being changed by others, try again")
