"""A task's instance for a recording or a replay: its own, whatever becomes of the live task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.dryrun.starting import put_under_way
from services.process.log import Log
from services.runtime.building.factory import TaskFactory
from services.runtime.environment import TaskEnvironment
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition


@dataclass(frozen=True, slots=True)
class Instances:
    """Puts tasks under way. environment: as live tasks have it."""

    factory: TaskFactory
    environment: TaskEnvironment

    async def of(self, task: str, definition: TaskDefinition, id: str, told: Log | None = None) -> TaskRun:
        """A task as it was defined, for the replay (or recording) of this id. Raises CannotRun.

        told: what it says goes there, and nothing is to be done outside; None: it is as a live task.
        """
        factory = self.factory if told is None else self.factory.telling(told)
        environment = replace(self.environment, levels={}, replay=id, dry=told is not None)
        return await put_under_way(factory, task, definition, environment)
