"""Deciding what becomes of tasks: create, update, delete. HTTP and the bus both come here."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.golang.times import format_rfc3339, format_rfc3339_padded, parse_rfc3339
from grammar.tickscript.ast import TickscriptError
from schemas.api.task import CreateTaskSchema, UpdateTaskSchema
from schemas.events.task import LEFT_ALERTS
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions, check_dbrps
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.pipeline.compiler.compile import api_error
from services.pipeline.compiler.vars import VarsError, check_bounds, parse_vars, vars_json
from services.process import log as logs
from services.process.permissions import NotPermitted
from services.store.folds.definition import TaskDefinition, plain_dbrps
from services.store.folds.event_data import Plain
from services.store.folds.tasks import TaskRecord
from services.store.folds.templates import TemplateRecord

RUN_SECONDS = 10.0
"""How long an answer waits for a worker to say that a task runs, or does not any more."""

_MOST_DBRPS = 1000

_log = logs.get("gateway")


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to create or update, read. vars_error: what is wrong with vars, said only when their turn comes.

    unmodified_since: what the task's time of change is to be, ns; None: whatever it is.
    """

    id: str
    template_id: str
    dbrps: list[dict[str, str]]
    script: str
    status: str
    vars: dict[str, Any]
    vars_error: str
    unmodified_since: int | None

    def only_disables(self, record: TaskRecord) -> bool:
        """Whether nothing but stopping is asked for: that needs no definition that could still run."""
        same_id = self.id in ("", record.id)
        changes = self.template_id or self.dbrps or self.script or self.vars or self.vars_error
        return self.status == "disabled" and same_id and not changes


@dataclass(frozen=True, slots=True)
class _Change:
    """What an update has done. before: the record until then. ended, began: the event, where a run is to stop or start.

    0 where there is none to wait for.
    """

    before: TaskRecord
    ended: int = 0
    began: int = 0


class TaskCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(
        self, bus: Bus, state: TaskReadModel, scripts: Scripts, disk: NatsDisk, left_alerts: str = "forget"
    ) -> None:
        """left_alerts: what becomes of the alerts of deleted tasks, see schemas.events.task."""
        self._left_alerts = left_alerts
        self._state = state
        self._scripts = scripts
        self._decisions = Decisions(bus, state, "task", disk)

    async def create(self, body: Any) -> TaskRecord:
        """Define a task, and run it if it is to be enabled; gives its record. Raises OperationError.

        Checked in Kapacitor 1.5.7's order: id, duplicate, template, script, vars, syntax, type, graph, dbrps. A task
        that cannot start is refused with 500 and is there all the same.
        """
        request = _read(CreateTaskSchema(), body)
        id = request.id or str(uuid.uuid4())
        self._decisions.check_id(id)

        async def define(expected_version: int) -> int:
            definition = await self._new_definition(id, request)
            status = request.status or "disabled"
            data: Plain = {"id": id, "status": status, "created": format_rfc3339_padded(time.time_ns())}
            if status == "enabled":
                data["position"] = await self._decisions.position()
            return await self._decisions.publish(id, "defined", definition | data, expected_version)

        async with self._decisions.alone(id):
            defined = await self._decisions.decide(id, define)
        if request.status == "enabled":
            await self._started(id, defined)
        return self._there(id)

    async def update(self, id: str, body: Any) -> tuple[TaskRecord, TaskRecord]:
        """Change a task; gives its record before and after. Raises OperationError.

        Enabling answers once a worker runs the task (500 with the reason if it cannot), disabling once it has stopped.
        """
        request = _read(UpdateTaskSchema(), body)

        async def update(expected_version: int) -> _Change:
            return await self._update(id, request, expected_version)

        async with self._decisions.alone(id, request.id):
            change = await self._decisions.decide(id, update)
        if change.ended:
            await self._stopped(id, change.ended)
        new_id = request.id or id
        if change.began:
            await self._started(new_id, change.began)
        return change.before, self._there(new_id)

    async def declare(self, body: Any) -> int:
        """Have a task be what a request to create it says and nothing else, and enabled.

        Gives the event by which it is, 0 where it was so. Nothing of before is kept where update would keep it. A task
        that is so already is left alone, unless its run has failed or is of another definition: then it starts anew.
        Workers are not waited for. Raises OperationError.
        """
        request = await self.check(body)

        async def declare(expected_version: int) -> int:
            return await self._declare(request, expected_version)

        async with self._decisions.alone(request.id):
            return await self._decisions.decide(request.id, declare)

    async def check(self, body: Any) -> _Request:
        """The request to create a task, read. Raises OperationError where it would not do, were there no such task."""
        request = _read(CreateTaskSchema(), body)
        self._decisions.check_id(request.id)
        await self._definition(request)
        return request

    async def definition_of(self, body: Any, record: TaskRecord | None = None) -> TaskDefinition:
        """What a task would be of a request to create it, or to change one. Raises OperationError.

        record: the one that is changed.
        """
        request = _read(CreateTaskSchema(), body)
        changed = self._definition(request) if record is None else self._changed_definition(record, request)
        return TaskDefinition.from_plain(await changed)

    async def delete(self, id: str, alerts: str = "") -> None:
        """Delete a task and stop it; no error where there is none. Raises OperationError.

        alerts: what becomes of those that it leaves, where that is not to be as usual.
        """
        if alerts and alerts not in LEFT_ALERTS:
            raise OperationError(400, f"invalid alerts parameter: must be one of {', '.join(LEFT_ALERTS)}")

        async def delete(expected_version: int) -> int:
            record = self._state.get(id)
            if record is None:
                return 0
            data: Plain = {"position": await self._decisions.position(), "alerts": alerts or self._left_alerts}
            deleted = await self._decisions.publish(id, "deleted", data, expected_version)
            return deleted if _runs(record) else 0

        async with self._decisions.alone(id):
            deleted = await self._decisions.decide(id, delete)
        if deleted:
            await self._stopped(id, deleted)

    async def _new_definition(self, id: str, request: _Request) -> dict[str, Any]:
        if self._state.get(id) is not None:
            raise OperationError(400, f"task {id} already exists")
        return await self._definition(request)

    async def _definition(self, request: _Request) -> dict[str, Any]:
        """What a task is by the request alone."""
        template = self._template(request.template_id)
        script = template.script if template else request.script
        if not script:
            raise OperationError(400, "must provide TICKscript")
        if request.vars_error:
            raise OperationError(400, request.vars_error)
        definition = await self.compiled(script, request.vars)
        own = definition["dbrps"]
        if not own and not request.dbrps:
            raise OperationError(400, "must specify dbrp")
        if own and request.dbrps:
            raise OperationError(400, "cannot specify dbrp in both implicitly and explicitly")
        check_dbrps(own or request.dbrps)
        return definition | {"dbrps": own or request.dbrps} | _made_from(template)

    async def _declare(self, request: _Request, expected_version: int) -> int:
        """One event: of a task that starts anew, the old run ends at the very write behind which the new one begins."""
        record = self._state.get(request.id)
        definition = await self._definition(request)
        if record is not None and _runs_as(record, definition):
            return 0
        created = record.created if record is not None else time.time_ns()
        data: Plain = {
            "id": request.id,
            "status": "enabled",
            "created": format_rfc3339_padded(created),
            "restart": True,
        }
        data["position"] = await self._decisions.position()
        what = "defined" if record is None else "updated"
        return await self._decisions.publish(request.id, what, definition | data, expected_version)

    async def _update(self, id: str, request: _Request, expected_version: int) -> _Change:
        """Whatever a request changes is one event: a gateway that dies leaves the old task or the new one."""
        record = self._state.get(id)
        if record is None:
            raise OperationError(404, "task does not exist, cannot update")
        if request.unmodified_since not in (None, record.modified):
            raise OperationError(409, f"unmodified-since: task {id} was changed at {format_rfc3339(record.modified)}")
        new_id = request.id or id
        definition = await self._changed_definition(record, request)
        if new_id != id and self._state.get(new_id) is not None:
            raise OperationError(500, "failed to create new task during ID change: object already exists")
        status = request.status or record.status
        was_enabled, is_enabled = record.status == "enabled", status == "enabled"
        moved = is_enabled and new_id != id
        data: Plain = {}
        if moved or was_enabled != is_enabled:
            data["position"] = await self._decisions.position()
        if new_id != id or definition | _defined(record) != definition:
            data |= definition | {"id": new_id, "status": status, "created": format_rfc3339_padded(record.created)}
            if new_id != id:
                data |= {"was": id, "was-sequence": record.sequence}
            event = await self._decisions.publish(new_id, "updated", data, expected_version)
        elif data:
            event = await self._decisions.publish(id, status, data, expected_version)
        else:
            return _Change(record)
        ends = _runs(record) and (moved or not is_enabled)
        begins = is_enabled and (moved or not was_enabled)
        return _Change(record, event if ends else 0, event if begins else 0)

    async def _changed_definition(self, record: TaskRecord, request: _Request) -> dict[str, Any]:
        """What the task is to be. Empty parts of a request change nothing; vars are replaced as a whole."""
        if request.id and request.id != record.id:
            self._decisions.check_id(request.id)
        if request.only_disables(record):
            return _defined(record)
        template = self._template(request.template_id or record.template_id)
        script = template.script if template else request.script or record.definition.script
        own = await self._dbrps(script)
        if (
            template is None
            and request.script
            and not own
            and not request.dbrps
            and await self._dbrps(record.definition.script)
        ):
            raise OperationError(400, "must specify dbrp")
        if own and request.dbrps:
            raise OperationError(400, "cannot specify dbrp in implicitly and explicitly")
        if request.vars_error:
            raise OperationError(400, request.vars_error)
        definition = await self.compiled(script, request.vars or dict(record.definition.vars))
        dbrps = own or request.dbrps or plain_dbrps(record.definition.dbrps)
        check_dbrps(dbrps)
        return definition | {"dbrps": dbrps} | _made_from(template)

    def _template(self, id: str) -> TemplateRecord | None:
        """The template of this id, None for the empty one. Raises OperationError where it is not there."""
        template = self._state.template(id) if id else None
        if id and template is None:
            raise OperationError(400, f"unknown template {id}: err: no template exists")
        return template

    async def compiled(self, script: str, vars: dict[str, Any]) -> dict[str, Any]:
        """Type, script, vars and the script's own dbrps, everything checked. Raises OperationError."""
        await self._scripts.ready(script, vars)
        try:
            compiled = self._scripts.compile(script, vars)
            self._scripts.permitted(compiled.graph)
        except TickscriptError as error:
            raise OperationError(400, api_error(error)) from error
        except NotPermitted as error:
            raise OperationError(403, str(error)) from error
        dbrps = [{"db": db, "rp": rp} for db, rp in compiled.dbrps]
        return {"type": compiled.type, "script": script, "vars": vars, "dbrps": dbrps}

    async def _dbrps(self, script: str) -> list[dict[str, str]]:
        await self._scripts.ready_any(script)
        try:
            return [{"db": db, "rp": rp} for db, rp in self._scripts.dbrps(script)]
        except TickscriptError as error:
            raise OperationError(400, api_error(error)) from error

    async def _started(self, id: str, enabled: int) -> None:
        record = await self._state.ran(id, enabled, RUN_SECONDS)
        if record is None:
            run = self._state.run(id)
            if run is None:
                return
            if run.enabled == enabled:
                raise OperationError(503, f"task {id} is enabled, but no engine worker has started it yet")
            # A change of its template has started the task anew.
            await self._started(id, run.enabled)
            return
        # A task that started and failed later has named its worker: the command itself went well.
        if record.run is not None and record.run.state == "failed" and not record.run.worker:
            raise OperationError(500, record.error)

    async def _stopped(self, id: str, disabled: int) -> None:
        if not await self._state.stopped(id, disabled, RUN_SECONDS):
            _log.warn("no worker has said that it stopped the task", task=id)

    def _there(self, id: str) -> TaskRecord:
        record = self._state.get(id)
        if record is None:
            raise OperationError(404, "no task exists")
        return record


def _read(schema: Schema, body: Any) -> _Request:
    if isinstance(body, dict) and isinstance(dbrps := body.get("dbrps"), list) and len(dbrps) > _MOST_DBRPS:
        raise OperationError(400, f"there are more than {_MOST_DBRPS} dbrps")
    try:
        data = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    since, vars_error = data.get("unmodified_since"), ""
    try:
        unmodified_since = parse_rfc3339(since) if since else None
    except ValueError as error:
        raise OperationError(400, f"unmodified-since: {error}") from error
    try:
        check_bounds(data["vars"])
        given = vars_json(parse_vars(data["vars"]))
    except VarsError as error:
        if str(error) == "invalid JSON":
            raise invalid_json() from error
        given, vars_error = {}, str(error)
    told = data["id"], data["template_id"], data["dbrps"], data["script"], data["status"]
    return _Request(*told, given, vars_error, unmodified_since)


def _made_from(template: TemplateRecord | None) -> dict[str, Any]:
    if template is None:
        return {"template-id": ""}
    return {"template-id": template.id, "template-sequence": template.sequence}


def _defined(record: TaskRecord) -> dict[str, Any]:
    return record.definition.to_plain() | {"template-id": record.template_id}


def _runs_as(record: TaskRecord, definition: dict[str, Any]) -> bool:
    """Whether a task is defined so, and a run of just that is under way or about to begin."""
    run = record.run
    if run is None or run.state == "failed" or run.definition != record.definition:
        return False
    return definition | _defined(record) == definition


def _runs(record: TaskRecord) -> bool:
    """Whether a worker is at it, and will say that it has stopped."""
    return record.executing
