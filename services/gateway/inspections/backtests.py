"""Asking for a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.api.inspections.backtest import CreateBacktestSchema
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.gateway.commands.tasks import TaskCommands
from services.gateway.inspections.commands import InspectionCommands, read_span
from services.gateway.inspections.queries import Shown
from services.gateway.inspections.reach import check_reach
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly
from services.gateway.readmodels.tasks import TaskReadModel
from services.store.folds.definition import TaskDefinition
from services.store.folds.inspections import InspectionRecord
from services.store.folds.tasks import TaskRecord
from services.store.task_lives import last_record

SHOWN: Shown = {
    "task": lambda asked: asked["task"],
    "type": lambda asked: asked["definition"]["type"],
    "dbrps": lambda asked: asked["definition"]["dbrps"],
    "script": lambda asked: asked["definition"]["script"],
    "vars": lambda asked: asked["definition"]["vars"],
    "against": lambda asked: asked["against"],
    "against-script": lambda asked: asked["against_script"],
}
_DEFINES = ("template-id", "type", "dbrps", "script", "vars")
_NAMELESS = "backtest"


class BacktestRequests:
    """Makes backtests of requests."""

    def __init__(self, bus: Bus, tasks: TaskReadModel, definitions: TaskCommands, commands: InspectionCommands) -> None:
        """definitions: knows what a request makes of a task."""
        self._bus = bus
        self._tasks, self._definitions, self._commands = tasks, definitions, commands

    async def create(self, body: Any) -> InspectionRecord:
        """Begin a backtest; gives its record. Raises OperationError."""
        given = read_strictly(CreateBacktestSchema(), body)
        start, stop = read_span(given)
        task = await self._task("task", given["task"])
        asked = {key: body[key] for key in _DEFINES if body.get(key)}
        # a script of its own takes the place of the template's
        base = replace(task, template_id="") if task is not None and given["script"] else task
        definition = await self._definitions.definition_of(asked, base)
        if given["type"]:
            _check_type("script", definition.type, given["type"])
        against = await self._against(given, definition)
        if definition.type == "stream":
            await check_reach(self._bus, stop)
        data = {
            "task": given["task"] or given["against"] or _NAMELESS,
            "definition": definition.to_plain(),
            "own": task is not None and definition == task.definition,
            "start": start,
            "stop": stop,
            "warm-up": given["warm_up"],
            **against,
        }
        return await self._commands.create(given["id"], data)

    async def _against(self, given: Mapping[str, Any], definition: TaskDefinition) -> dict[str, Any]:
        """What is compared with. Raises OperationError."""
        script = given["against_script"]
        if given["against"] and script:
            raise OperationError(400, "against-script: give a task or a script to compare with, not both")
        if script:
            try:
                other = await self._definitions.compiled(script, dict(definition.vars))
            except OperationError as error:
                raise OperationError(error.status, f"against-script: {error}") from error
            _check_type("against-script", other["type"], definition.type)
        task = await self._task("against", given["against"])
        if task is not None:
            _check_type("against", task.definition.type, definition.type)
        return {
            "against": given["against"],
            "against-since": 0 if task is None else task.last_enabled,
            "against-script": script,
        }

    async def _task(self, key: str, id: str) -> TaskRecord | None:
        """The task of this id, as it was last where it is deleted; None for the empty id. Raises OperationError."""
        if not id:
            return None
        record = self._tasks.get(id)
        if record is None:
            try:
                record = await last_record(self._bus, id)
            except ValueError as error:
                raise OperationError(400, f"{key}: {error}") from error
            except BusError as error:
                raise OperationError(503, f"the bus cannot be reached: {error}") from error
        if record is None:
            raise OperationError(404, f"{key}: no task exists")
        return record


def _check_type(key: str, type: str, asked: str) -> None:
    """Whether what a key names is of the type of what is run. Raises OperationError (400)."""
    if type != asked:
        raise OperationError(400, f"{key}: it is of type {type}, and what is to be run is of type {asked}")
