"""A task's instance for a recording or a replay: its own, whatever becomes of the live task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grammar.tickscript.ast import TickscriptError
from services.columns.groups.series import SeriesTable
from services.pipeline.compiler.compile import api_error
from services.process.log import Log
from services.runtime.building.factory import TaskFactory
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition


class TaskCannotRun(Exception):
    """The task cannot be run; str() says why."""


@dataclass(frozen=True, slots=True)
class Instances:
    """Puts tasks under way. environment: as live tasks have it."""

    factory: TaskFactory
    environment: TaskEnvironment

    async def of(self, task: str, definition: TaskDefinition, id: str, told: Log | None = None) -> TaskRun:
        """A task as it was defined, for the replay (or recording) of this id. Raises TaskCannotRun.

        told: what it says goes there, and nothing is to be done outside; None: it is as a live task.
        """
        dry, factory = told is not None, self.factory if told is None else self.factory.telling(told)
        try:
            graph = await factory.graph(definition)
            environment = replace(self.environment, levels={}, replay=id, dry=dry)
            return await factory.run(task, definition, graph, SeriesTable(), environment)
        except TickscriptError as error:
            raise TaskCannotRun(str(api_error(error))) from error
        except (TaskFailed, ValueError) as error:
            raise TaskCannotRun(str(error)) from error
