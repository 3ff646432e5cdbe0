"""What a running task gives each of its nodes to know and to do (see services.runtime.context.Context)."""

from __future__ import annotations

from typing import Protocol

from services.columns.frame import Step
from services.columns.groups.series import SeriesTable
from services.columns.shared import Shared
from services.pipeline.graph import GraphNode
from services.pipeline.tagless import Tagless
from services.process.log import Log
from services.runtime.effects import Effect
from services.runtime.environment import TaskEnvironment
from services.runtime.statistics import NodeStatistics


class Run(Protocol):
    """The task, as its nodes' contexts know it."""

    id: str
    table: SeriesTable
    dbrps: frozenset[tuple[str, str]]
    environment: TaskEnvironment
    began: int | None
    tagless: Tagless
    log: Log
    current: Step
    effects: list[Effect]
    failure: str | None

    def context(self, name: str) -> NodeContext:
        """The context of the node of this name."""


class NodeContext(Shared):
    """A node's view of its task; see services.runtime.context.Context."""

    def __init__(self, task: Run, node: GraphNode, needed_fields: frozenset[str] | None) -> None:
        self.task = task.id
        self.node = node.name
        self.table = task.table
        self.dbrps = task.dbrps
        self.environment = task.environment
        self.began = task.began
        self.needed_fields = needed_fields
        self.statistics = NodeStatistics()
        self._run = task
        self.tagless = task.tagless.before(node)
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
        what, _, why = reason.partition(": ")
        named = {"err": why} if why else {}
        named |= {} if group is None else {"group": self.table.group(group).id}
        limited = self._run.log.limited(f"{self.task}/{self.node}/{reason}")
        limited.error(what, task=self.task, node=self.node, **named)

    def effect(self, effect: Effect) -> None:
        self._run.effects.append(effect)

    def fail(self, reason: str) -> None:
        self._run.failure = self._run.failure or f"{self.node}: {reason}"

    def peer(self, name: str) -> NodeStatistics:
        """The statistics of another node of the same task."""
        return self._run.context(name).statistics
