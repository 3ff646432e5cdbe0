"""What a running task gives each of its nodes to know and to do (see Context in services.engine.node)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.engine.effects import Effect
from services.engine.frame import Step
from services.engine.statistics import NodeStatistics
from services.pipeline.graph import GraphNode
from services.pipeline.tagless import tagless

if TYPE_CHECKING:
    from services.engine.task import TaskRun


class NodeContext:
    """A node's view of its task; see services.engine.node.Context."""

    def __init__(self, task: TaskRun, node: GraphNode, demand: frozenset[str] | None) -> None:
        self.task = task.id
        self.node = node.name
        self.table = task.table
        self.dbrps = task.dbrps
        self.around = task.around
        self.began = task.began
        self.demand = demand
        self.statistics = NodeStatistics()
        self._run = task
        self.tagless = tagless(node)
        self.quiet = node.quiet

    @property
    def step(self) -> Step:
        return self._run.current

    def error(self, reason: str, count: int = 1, group: int | None = None) -> None:
        if count <= 0:
            return
        self.statistics.errors += count
        self.log(reason, group)

    def log(self, reason: str, group: int | None = None) -> None:
        if self.quiet:
            return
        named = {} if group is None else {"group": self.table.group(group).id}
        limited = self._run.log.limited(f"{self.task}/{self.node}/{reason}")
        limited.error(reason, task=self.task, node=self.node, **named)

    def effect(self, effect: Effect) -> None:
        self._run.effects.append(effect)

    def fail(self, reason: str) -> None:
        self._run.failure = self._run.failure or f"{self.node}: {reason}"

    def peer(self, name: str) -> NodeStatistics:
        """The statistics of another node of the same task."""
        return self._run.context(name).statistics
