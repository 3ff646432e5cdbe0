"""Deciding what becomes of templates and, with them, of their tasks. HTTP and the bus both come here."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.tickscript.ast import TickscriptError
from schemas.api.template import CreateTemplateSchema, UpdateTemplateSchema
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions, check_dbrps
from services.gateway.commands.tasks import RUN_SECONDS
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.pipeline.compiler.compile import api_error
from services.store.folds.definition import TaskDefinition
from services.store.folds.templates import TemplateRecord


class TemplateCommands:
    """A change of a template is one event together with what becomes of its tasks."""

    def __init__(self, bus: Bus, state: TaskReadModel, scripts: Scripts, disk: NatsDisk) -> None:
        self._state = state
        self._scripts = scripts
        self._decisions = Decisions(bus, state, "template", disk)

    async def create(self, body: Any) -> TemplateRecord:
        """Define a template; gives its record. Checked in order: id, duplicate, script. Raises OperationError."""
        request = _read(CreateTemplateSchema(), body)
        id = request["id"] or str(uuid.uuid4())
        self._decisions.check_id(id)

        async def define(expected_version: int) -> None:
            if self._state.template(id) is not None:
                raise OperationError(400, f"template {id} already exists")
            defined = await self._compiled(request["script"])
            await self._decisions.publish(id, "defined", defined | {"id": id}, expected_version)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, define)
        return self._there(id)

    async def update(self, id: str, body: Any) -> TemplateRecord:
        """Change a template and its tasks; gives its record. Raises OperationError.

        With another script, enabled tasks start anew at once and disabled ones are rewritten, even where the script
        does not suit their vars: they then show why they cannot run. The answer comes once all have started. If one
        cannot start, nothing is changed (500). Neither is it where the dbrps that they have from it would go (400).
        """
        request = _read(UpdateTemplateSchema(), body)
        updated, restarted = await self._change(id, request)
        if restarted:
            await self._restarted(updated, restarted)
        return self._there(request["id"] or id)

    async def declare(self, body: Any, leaving: Collection[str] = ()) -> int:
        """Have a template be what a request to create it says; gives the event by which it is, 0 where it was so.

        Its tasks change with it as update has it, only that its type may change, and that workers are not waited for:
        whether the change was taken back the read model knows later. leaving: tasks that need no dbrps of it any more,
        which keep what they have until they are declared themselves. Raises OperationError.
        """
        request = await self.check(body)
        id = request["id"]
        if self._state.template(id) is None:
            return (await self.create(body)).sequence
        typed = request | {"type": (await self._compiled(request["script"]))["type"]}
        return (await self._change(id, typed, leaving))[0]

    async def check(self, body: Any) -> dict[str, str]:
        """The request to create a template, read.

        Raises OperationError where it would not do, were there no such template.
        """
        request = _read(CreateTemplateSchema(), body)
        self._decisions.check_id(request["id"])
        await self._compiled(request["script"])
        return request

    async def delete(self, id: str) -> None:
        """Delete a template; no error where there is none. Its tasks stay as they are. Raises OperationError."""

        async def delete(expected_version: int) -> None:
            if self._state.template(id) is not None:
                await self._decisions.publish(id, "deleted", {}, expected_version)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, delete)

    async def _change(self, id: str, request: dict[str, str], leaving: Collection[str] = ()) -> tuple[int, list[str]]:
        """The event, 0 where there was nothing to change, and the tasks that it starts anew."""

        async def update(expected_version: int) -> tuple[int, list[str]]:
            return await self._update(id, request, leaving, expected_version)

        async with self._decisions.alone(id, request["id"]):
            return await self._decisions.decide(id, update)

    async def _update(
        self, id: str, request: dict[str, str], leaving: Collection[str], expected_version: int
    ) -> tuple[int, list[str]]:
        record = self._state.template(id)
        if record is None:
            raise OperationError(404, "template does not exist, cannot update")
        new_id = request["id"] or id
        if new_id != id:
            self._decisions.check_id(new_id)
        definition = await self._compiled(request["script"] or record.script)
        _check_type(definition["type"], request["type"] or record.type)
        if new_id != id and self._state.template(new_id) is not None:
            raise OperationError(500, "failed to create new template for ID change: template already exists")
        changed = definition["script"] != record.script
        if not changed and new_id == id:
            return 0, []
        tasks = self._state.tasks_of(id)
        held = [task for task in tasks if task not in leaving]
        if held and record.dbrps and not definition["dbrps"]:
            raise OperationError(400, f"must specify dbrp: task {held[0]} has none but its template's")
        restarted = [task for task, its in tasks.items() if changed and its.status == "enabled"]
        for task in restarted:
            made = TaskDefinition("", definition["script"], (), tasks[task].definition.vars)
            await self._scripts.ready_task(made)
            problem = self._scripts.refusal(made)
            if problem:
                raise _cannot_reload(task, problem)
            # Compiling takes a while where there are many tasks; others are served in between.
            await asyncio.sleep(0)
        data = definition | {
            "id": new_id,
            "was": id,
            "was-sequence": record.sequence,
            "tasks": {task: its.sequence for task, its in tasks.items()},
            "position": await self._decisions.position(),
        }
        return await self._decisions.publish(new_id, "updated", data, expected_version), restarted

    async def _restarted(self, updated: int, tasks: list[str]) -> None:
        """Wait until the tasks run; where one cannot, until all run again as they did. Raises OperationError."""
        await self._ran(tasks, updated)
        undone = self._state.undone(updated)
        if undone is not None:
            await self._ran(tasks, undone.sequence)
            raise _cannot_reload(undone.task, undone.error)
        late = next((task for task in tasks if self._starting(task, updated)), None)
        if late is not None:
            raise OperationError(503, f"the template is changed, but no engine worker has started its task {late} yet")

    async def _ran(self, tasks: list[str], enabled: int) -> None:
        await asyncio.gather(*(self._state.ran(task, enabled, RUN_SECONDS) for task in tasks))

    def _starting(self, task: str, enabled: int) -> bool:
        run = self._state.run(task)
        return run is not None and run.enabled == enabled and run.state == "starting"

    async def _compiled(self, script: str) -> dict[str, Any]:
        """Type, script and the script's own dbrps, everything checked."""
        await self._scripts.ready(script, None, template=True)
        try:
            compiled = self._scripts.template(script)
        except TickscriptError as error:
            raise OperationError(400, api_error(error)) from error
        dbrps = [{"db": db, "rp": rp} for db, rp in compiled.dbrps]
        check_dbrps(dbrps)
        return {"type": compiled.type, "script": script, "dbrps": dbrps}

    def _there(self, id: str) -> TemplateRecord:
        record = self._state.template(id)
        if record is None:
            raise OperationError(404, "no template exists")
        return record


def _read(schema: Schema, body: Any) -> dict[str, str]:
    try:
        request: dict[str, str] = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    return request


def _check_type(script: str, wanted: str) -> None:
    """A template keeps its type unless another is asked for, and its script has to be of it. Raises OperationError."""
    if script != wanted:
        raise OperationError(400, f'invalid TICKscript: name "{script}" is undefined. Names in scope: time,{wanted}')


def _cannot_reload(task: str, problem: str) -> OperationError:
    return OperationError(500, f"error reloading associated task {task}: {problem}")
