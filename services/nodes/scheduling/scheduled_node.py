"""What asks InfluxDB on a schedule: the source of a batch task."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from services.columns.frame import Batches, Message
from services.columns.snapshot import State
from services.connectors.influxdb import InfluxDBClient, InfluxDBError
from services.nodes.scheduling.schedule import Schedule
from services.pipeline.spec import Properties
from services.runtime.async_node import AsyncNode
from services.runtime.context import Context
from services.runtime.errors import TaskFailed

_DUE = 1  # a tick that has passed
_BEHIND, _MADE_UP = 10, 1000  # ticks

A = TypeVar("A")


class ScheduledNode(AsyncNode, Generic[A]):
    """Asks one query after the other. What it is asked, and what becomes of an answer, says the node.

    replayed: it asks nothing, and gives what it is fed; so in a replay, and in a dry run.
    """

    not_by_group = "a source asks for all groups"

    def __init__(self, properties: Properties, context: Context, schedule: Schedule, cluster: str) -> None:
        super().__init__(properties, context)
        self._schedule, self._cluster = schedule, cluster
        self.replayed = bool(context.environment.replay) or context.environment.dry
        self._due: int | None = None
        self._over = False  # there are no more ticks
        self._asked: int | None = None  # the tick whose query is not answered
        self._task: asyncio.Task[A] | None = None
        self._begun = 0
        self._started = False
        self._missed = 0  # ticks up to this time are all asked
        self._wake: Callable[[], None] = _nobody
        if not self.replayed:
            context.statistics.more.update(batches_queried=0, points_queried=0)

    @abstractmethod
    def ask(self, client: InfluxDBClient, tick: int) -> Coroutine[Any, Any, A]:
        """Ask the query of a tick. Raises InfluxDBError."""

    @abstractmethod
    def batches_of(self, answer: A, tick: int) -> list[Batches]:
        """What it is answered. Raises InfluxDBError."""

    def attach(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def answer(self) -> list[Message] | None:
        return None

    def next_tick(self) -> int | None:
        """A query that has been answered is due since its own tick. In a replay nothing is asked."""
        if self.replayed:
            return None
        if self._task is not None:
            return self._asked if self._task.done() else None
        return self._due if self._started else _DUE

    def tick(self, now: int) -> Sequence[Message]:
        """The time has come to ask, or a query has been answered."""
        if not self._started:
            self._start(now)
        out: list[Message] = []
        if self._task is not None and self._task.done():
            out = self._answered(self._task)
        if self._task is None and self._due is not None and self._due <= now:
            tick = self._due
            self._due = self._schedule.next(tick)
            if tick > self._missed:
                self._leave_out(now, _BEHIND)
            self._ask(tick)
        return out

    def set_back(self, now: int) -> None:
        """What the wall says again is asked again: the points that come now bear those times."""
        first = self._schedule.first(now)
        if self._started and self._due is not None and first is not None:
            self._due, self._missed = min(self._due, first), min(self._missed, now)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def state(self) -> State:
        return {"due": self._due, "asked": self._asked, "started": self._started or self._due is not None}

    def restore(self, state: State) -> None:
        self._due, self._asked = state["due"], state["asked"]
        self._over = state["started"] and self._due is None

    def _start(self, now: int) -> None:
        self._started = True
        self._client()
        if self._due is None and not self._over:
            began = self.context.began
            self._due = self._schedule.first(now if began is None else began)
        self._missed = now
        self._leave_out(now, _MADE_UP)
        if self._asked is not None:
            self._ask(self._asked)

    def _leave_out(self, now: int, most: int) -> None:
        """Of the ticks that have passed ask only about so many, the last ones."""
        following = None if self._due is None else self._schedule.next(self._due)
        if self._due is not None and following is not None:
            earliest = now - most * (following - self._due)
            if self._due < earliest:
                self._due = self._schedule.after(self._due, earliest)

    def _client(self) -> InfluxDBClient:
        clusters, name = self.context.environment.influxdb, self._cluster
        if name not in clusters:
            raise TaskFailed(f"failed to get InfluxDB client: no such InfluxDB config {name}")
        return clusters[name]

    def _ask(self, tick: int) -> None:
        self._asked = tick
        self._begun = time.perf_counter_ns()
        self._task = asyncio.get_running_loop().create_task(self.ask(self._client(), tick))
        self._task.add_done_callback(lambda task: self._wake())

    def _answered(self, task: asyncio.Task[A]) -> list[Message]:
        tick, self._asked, self._task = self._asked, None, None
        assert tick is not None
        statistics = self.context.statistics
        try:
            found = self.batches_of(task.result(), tick)
        except InfluxDBError as e:
            self.context.error(f"error executing query: {e}")
            return []
        statistics.busy_ns += time.perf_counter_ns() - self._begun
        for batches in found:
            statistics.collected += len(batches)
            statistics.more["batches_queried"] += len(batches)
            statistics.more["points_queried"] += len(batches.points)
        return list(found)


def _nobody() -> None:
    """Nobody waits: the node is ticked by its owner's own will."""
