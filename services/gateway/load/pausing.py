"""Tasks that stand in the way of their template's change, because their files change with it.

A template whose script no longer takes the vars of a task that runs is refused, and vars that the old script does not
take are refused too. A batch script, besides, runs only with the dbrps that it queries. Where both files change at
once, such a task is disabled, its template changed, and the task made to run again by its own declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.gateway.commands.tasks import TaskCommands
from services.gateway.load.declarations import DeclaredResource, DirectoryContents
from services.gateway.load.read_model import LoadReadModel
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.pipeline.compiler.vars import parse_vars, vars_json
from services.process import log as logs
from services.store.folds.definition import TaskDefinition, plain_dbrps
from services.store.folds.tasks import TaskRecord

_log = logs.get("load")


class Pausing:
    """What one load has disabled for a while."""

    def __init__(self, state: TaskReadModel, scripts: Scripts, tasks: TaskCommands, read_model: LoadReadModel) -> None:
        self._state, self._scripts, self._tasks, self._read_model = state, scripts, tasks, read_model
        self._paused: list[str] = []

    async def make_way(self, template: DeclaredResource, reading: DirectoryContents) -> bool:
        """Disable those tasks of a template that will be something else once it is changed; whether there are any.

        Raises OperationError.
        """
        declared, gone = _declared(reading), self._gone(reading)
        ways = []
        for id, record in self._state.tasks_of(template.name).items():
            if record.status != "enabled":
                continue
            suits = id in declared and await self._suits(template, declared[id]) and _differs(declared[id], record)
            if suits or id in gone:
                ways.append(id)
        for id in ways:
            self._paused.append(id)
            await self._tasks.update(id, {"status": "disabled"})
        return bool(ways)

    async def changes_type(self, template: DeclaredResource) -> bool:
        """Whether a template is to become one of the other type."""
        record = self._state.template(template.name)
        if record is None:
            return False
        await self._scripts.ready(template.body["script"], None, template=True)
        return bool(record.type != self._scripts.template(template.body["script"]).type)

    def leaving(self, template: DeclaredResource, reading: DirectoryContents) -> frozenset[str]:
        """Those tasks of a template that need no dbrps of it once the load is done: by their own files they have some,
        or another template, or they are gone."""
        declared, gone = _declared(reading), self._gone(reading)

        def leaves(id: str) -> bool:
            if id not in declared:
                return id in gone
            return bool(declared[id].get("dbrps")) or declared[id].get("template-id") != template.name

        return frozenset(id for id in self._state.tasks_of(template.name) if leaves(id))

    async def resume(self) -> None:
        """Enable again what is still disabled: its file was refused after all."""
        for id in self._paused:
            record = self._state.get(id)
            if record is not None and record.status == "disabled":
                try:
                    await self._tasks.update(id, {"status": "enabled"})
                except OperationError as refusal:
                    _log.error("a task that was disabled while its template changed cannot run", task=id, err=refusal)

    def _gone(self, reading: DirectoryContents) -> set[str]:
        return {record["name"] for record in reading.gone(self._read_model.declared("task"))}

    async def _suits(self, template: DeclaredResource, body: Mapping[str, Any]) -> bool:
        """Whether a task as declared can run with its template as declared, or does not need it."""
        if body.get("template-id") != template.name:
            return True
        made = TaskDefinition("", template.body["script"], (), _vars(body))
        await self._scripts.ready_task(made)
        return not self._scripts.problem(made)


def _declared(reading: DirectoryContents) -> dict[str, Mapping[str, Any]]:
    return {one.name: one.body for one in reading.declarations if one.kind == "task"}


def _differs(body: Mapping[str, Any], record: TaskRecord) -> bool:
    same_template = body.get("template-id", "") == record.template_id
    same_dbrps = not body.get("dbrps") or body["dbrps"] == plain_dbrps(record.definition.dbrps)
    return not same_template or not same_dbrps or _vars(body) != record.definition.vars


def _vars(body: Mapping[str, Any]) -> dict[str, Any]:
    return vars_json(parse_vars(body.get("vars")))
