"""Tasks put under way, from what defines them: in a worker, for a recording and for a replay alike."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from services.columns.groups.series import SeriesTable
from services.pipeline.graph import Graph
from services.process.flight_recorder import EVERYWHERE, FLIGHT_RECORDER
from services.process.log import Log
from services.runtime.building.compiling import Compiling
from services.runtime.building.sideloading import sideloaded
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.input.share import Share
from services.runtime.node import Node
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition


class TaskFactory:
    """Builds what runs tasks. One event loop uses it."""

    def __init__(self, compiling: Compiling, classes: Mapping[str, type[Node]], log: Log) -> None:
        """classes: of nodes, by the names of their kinds. log: what tasks say stands there."""
        self._compiling, self._classes, self._log = compiling, classes, log

    def telling(self, log: Log) -> TaskFactory:
        """The same, with another log."""
        return TaskFactory(self._compiling, self._classes, log)

    async def graph(self, definition: TaskDefinition) -> Graph:
        """The graph of a task. Raises TickscriptError, and TaskFailed where it cannot run as it is."""
        graph = await self._compiling.graph(definition.script, definition.vars)
        mismatch = graph.mismatch()
        if mismatch is not None:
            raise TaskFailed(mismatch)
        return graph

    async def run(
        self,
        id: str,
        definition: TaskDefinition,
        graph: Graph,
        table: SeriesTable,
        environment: TaskEnvironment,
        began: int | None = None,
        note: bytes | None = None,
        share: Share | None = None,
    ) -> TaskRun:
        """A task under way, from its beginning on. Raises TaskFailed where it cannot start.

        began, share: as of TaskRun. note: what the process is at meanwhile (services.process.flight_recorder).
        """
        async with sideloaded(graph, environment), self._compiling.loop_lock.turn():
            with contextlib.nullcontext() if note is None else FLIGHT_RECORDER.at(note, *EVERYWHERE):
                return TaskRun(id, graph, definition.dbrps, self._classes, table, self._log, environment, began, share)
