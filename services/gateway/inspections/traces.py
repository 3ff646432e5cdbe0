"""Asking for a trace."""

from __future__ import annotations

from typing import Any

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse_lambda
from schemas.api.inspections.trace import CreateTraceSchema
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import events_subject
from services.expressions import ExpressionError
from services.expressions.program import program_of
from services.expressions.syntax import check
from services.gateway.inspections.commands import InspectionCommands, read_span
from services.gateway.inspections.queries import Shown
from services.gateway.inspections.reach import check_reach
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.store.folds.inspections import InspectionRecord
from services.store.folds.tasks import TaskRecord

SHOWN: Shown = {
    "task": lambda asked: asked["task"],
    "node": lambda asked: asked["node"],
    "group": lambda asked: asked["group"],
    "where": lambda asked: asked["where"],
    "limit": lambda asked: asked["limit"],
}
_LAMBDA = "lambda:"


class TraceRequests:
    """Makes traces of requests."""

    def __init__(self, bus: Bus, tasks: TaskReadModel, scripts: Scripts, commands: InspectionCommands) -> None:
        self._bus, self._tasks, self._scripts, self._commands = bus, tasks, scripts, commands

    async def create(self, body: Any) -> InspectionRecord:
        """Begin to trace a task; gives the trace's record. Raises OperationError."""
        given = read_strictly(CreateTraceSchema(), body)
        start, stop = read_span(given)
        where = _condition(given["where"])
        record = await self._task(given["task"])
        if record is not None:
            await self._check(record, given["node"], start)
        await check_reach(self._bus, stop)
        data = {
            "task": given["task"],
            "definition": None if record is None else record.definition.to_plain(),
            "start": start,
            "stop": stop,
            "node": given["node"],
            "group": given["group"],
            "where": where,
            "limit": given["limit"],
        }
        return await self._commands.create(given["id"], data)

    async def _task(self, id: str) -> TaskRecord | None:
        """The task; None where there was one, of which the log may still tell. Raises OperationError."""
        record = self._tasks.get(id)
        if record is not None:
            return record
        try:
            known = await self._bus.last_subject_sequence(events_subject("task", id))
        except ValueError as error:
            raise OperationError(400, f"task: {error}") from error
        except BusError as error:
            raise OperationError(503, f"the bus cannot be reached: {error}") from error
        if not known:
            raise OperationError(404, "task: no task exists")
        return None

    async def _check(self, task: TaskRecord, node: str, start: int) -> None:
        """Whether what the task is now can be traced so. Raises OperationError (400)."""
        if task.definition.type == "batch":
            raise OperationError(
                400, "task: a batch task reads nothing of the log that could be traced: ask for a backtest of it"
            )
        if not node or task.modified > start:
            return  # what ran then may have other nodes
        await self._scripts.ready_task(task.definition)
        try:
            graph = self._scripts.compile(task.definition.script, task.definition.vars).graph
        except TickscriptError as error:
            raise OperationError(400, f"task: its script cannot be read any more: {error}") from error
        names = [one.name for one in graph.topological()]
        if node not in names:
            raise OperationError(400, f"node: the task has no {node}, but {', '.join(names)}")


def _condition(text: str) -> str:
    """An expression without the word `lambda:`. Raises OperationError (400)."""
    text = text.strip().removeprefix(_LAMBDA).strip()
    if text:
        try:
            expression = parse_lambda(text)
            check(expression)
        except (TickscriptError, ExpressionError) as error:
            raise OperationError(400, f"where: {error}") from error
        if program_of(expression).stateful:
            raise OperationError(
                400, "where: count(), sigma() and spread() remember other points, which no filter does"
            )
    return text
