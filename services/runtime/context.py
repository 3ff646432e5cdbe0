"""What a node may know of the task that it is part of, and have it do."""

from __future__ import annotations

from typing import Protocol

from services.columns.frame import Step
from services.columns.groups.series import SeriesTable
from services.runtime.effects import Effect
from services.runtime.environment import TaskEnvironment
from services.runtime.statistics import NodeStatistics


class Context(Protocol):
    """A node's view of the task that it is part of."""

    task: str
    node: str  # its name in the graph, "window2"
    table: SeriesTable
    dbrps: frozenset[tuple[str, str]]  # the databases and retention policies that the task reads
    environment: TaskEnvironment
    began: int | None  # when the run was begun, by its clock, ns; None: now, as far as anybody knows
    needed_fields: frozenset[str] | None  # the fields that can matter here or below; None: all
    tagless: bool  # what comes has null to the reference where it has no tags
    quiet: bool  # the script said `.quiet()`: errors are not logged
    statistics: NodeStatistics

    @property
    def step(self) -> Step:
        """The one under way."""

    def error(self, reason: str, count: int = 1, group: int | None = None) -> None:
        """Count errors on this node, and log the reason (rate-limited) with task, node and group.

        reason: what went wrong; behind the first ": " why, which has a key of its own in the log, `err`.
        """

    def log(self, reason: str, group: int | None = None) -> None:
        """Log as `error` does without counting: where the reference does not count either."""

    def effect(self, effect: Effect) -> None:
        """Have something done outside the graph (an alert published, a post sent) once this step is over."""

    def fail(self, reason: str) -> None:
        """End the task after this step; unlike with TaskFailed, what is emitted in it still flows out."""

    def peer(self, name: str) -> NodeStatistics:
        """The statistics of another node of the same task."""
