"""query: ask InfluxDB on a schedule, and hand on what it answers as batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grammar.influxql.parser import parse_select
from grammar.influxql.query import Grouping, query_text
from services.engine.external import ExternalNode
from services.engine.frame import Message
from services.engine.influxdb import Client, InfluxDBError
from services.engine.node import Context, State, TaskFailed
from services.engine.results import batches_of
from services.engine.schedule import ByCron, Every, Schedule
from services.pipeline.spec import (
    STAR,
    Duration,
    Edge,
    NodeSpec,
    Properties,
    TimeDimension,
    Type,
    argument,
    flag,
    prop,
    several,
)
from services.pipeline.values import go_type

_DUE = 1  # a tick that has passed
_BEHIND, _MADE_UP = 10, 1000  # ticks
_FILLS = ("null", "none", "previous", "linear")


@dataclass
class QueryProperties(Properties):
    query: str = argument(Type.STRING, doc="A SELECT in InfluxQL, without the span of time and GROUP BY.")
    period: int = prop(Type.DURATION, default=0, doc="How long a span of time each query covers.")
    every: int = prop(Type.DURATION, default=0, doc="How often it is asked; not together with cron.")
    align: bool = flag(doc="Ask at multiples of `every`.")
    cron: str = prop(
        Type.STRING,
        default="",
        doc="When it is asked: [second] minute hour day-of-month month day-of-week [year]; not together with every.",
    )
    offset: int = prop(Type.DURATION, default=0, doc="How long before the time at which it is asked the span ends.")
    align_group: bool = flag(doc="Let the spans of groupBy(time()) begin with the query's own.")
    group_by: list[Any] = several(
        Type.DIMENSION, doc="Tags, * for all of them, and time(interval, offset) to group by; the text's do not count."
    )
    group_by_measurement: bool = flag(doc="Group by the measurement as well.")
    fill: Any = prop(
        Type.ANY, doc="What stands for spans without points: null, none, previous, linear or a number; else the text's."
    )
    cluster: str = prop(Type.STRING, default="", doc="The name of a configured cluster; the default one unless set.")

    def reads(self) -> frozenset[str]:
        return frozenset()

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        tags = [dimension for dimension in self.group_by if isinstance(dimension, str)]
        return None if STAR in self.group_by else frozenset(tags)

    def name_behind(self, before: Sequence[str | None]) -> None:
        return None


class Plan:
    """What a query node asks, and when: the same for a live task and for a recording of it."""

    def __init__(self, properties: QueryProperties) -> None:
        """Raises TaskFailed, in the reference's words, where the properties make no sense."""
        self.properties = properties
        try:
            self._select = parse_select(properties.query)
            self._grouping = _grouping(properties)
            self.schedule = _schedule(properties)
        except ValueError as e:
            raise TaskFailed(str(e)) from e

    @property
    def by_time(self) -> bool:
        """Whether it is grouped by time: a batch's time is then its latest point's."""
        return bool(self._grouping.interval)

    def check_sources(self, dbrps: Iterable[tuple[str, str]]) -> None:
        """A task may only read what its dbrps name. Raises TaskFailed."""
        allowed = frozenset(dbrps)
        for database, policy in self._select.sources:
            if (database, policy) not in allowed:
                raise TaskFailed(f'batch query is not allowed to request data from "{database}"."{policy}"')

    def span(self, tick: int) -> tuple[int, int]:
        """What the query of a tick covers, ns: the second is its end, which it does not reach."""
        stop = tick - self.properties.offset
        return stop - self.properties.period, stop

    def text(self, tick: int) -> str:
        """The InfluxQL of a tick's query."""
        return query_text(self._select, self._grouping, *self.span(tick))

    def ticks(self, start: int, stop: int, now: int) -> Iterator[int]:
        """The ticks behind `start` up to `stop`, as far as their spans have ended by `now`; all ns."""
        tick = self.schedule.next(start)
        while tick is not None and tick <= stop and self.span(tick)[1] <= now:
            yield tick
            tick = self.schedule.next(tick)


class QueryNode(ExternalNode):
    """At each tick of its schedule asks for the points of [tick - offset - period, tick - offset).

    A batch a series: its time is the end of that span, or grouped by time its latest point's. All numbers are floats,
    nulls are fields that are not there; without rows there is no batch. A query that fails is counted as an error and
    logged, and the next tick tries anew. While a query is not answered, of the ticks that pass the last ten wait, the
    others are left out. After a crash or a pause of the engine the query that was under way is asked again, then all
    ticks that were missed, of more than a thousand the last.

    In a replay it asks nothing: it gives what was recorded, or what the replay asks in its stead.

    Counts batches_queried and points_queried.
    """

    spec = NodeSpec(
        name="query",
        type_name="QueryNode",
        properties=QueryProperties,
        wants=(Edge.BATCH,),
        provides=Edge.BATCH,
        sources=("batch",),
        doc=__doc__ or "",
    )

    properties: QueryProperties

    def __init__(self, properties: QueryProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._plan = Plan(properties)
        self._schedule = self._plan.schedule
        self._replayed = bool(context.around.replay)
        self._due: int | None = None
        self._over = False  # there are no more ticks
        self._asked: int | None = None  # the tick whose query is not answered
        self._task: asyncio.Task[list[dict[str, Any]]] | None = None
        self._begun = 0
        self._started = False
        self._missed = 0  # ticks up to this time are all asked
        self._wake: Callable[[], None] = _nobody
        if not self._replayed:
            self._plan.check_sources(context.dbrps)
            context.statistics.more.update(batches_queried=0, points_queried=0)

    def attach(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def answer(self) -> list[Message] | None:
        return None

    def next_tick(self) -> int | None:
        """A query that has been answered is due since its own tick. In a replay nothing is asked."""
        if self._replayed:
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

    def _client(self) -> Client:
        clusters, name = self.context.around.influxdb, self.properties.cluster
        if name not in clusters:
            raise TaskFailed(f"failed to get InfluxDB client: no such InfluxDB config {name}")
        return clusters[name]

    def _ask(self, tick: int) -> None:
        self._asked = tick
        self._begun = time.perf_counter_ns()
        self._task = asyncio.get_running_loop().create_task(self._client().query(self._plan.text(tick)))
        self._task.add_done_callback(lambda task: self._wake())

    def _answered(self, task: asyncio.Task[list[dict[str, Any]]]) -> list[Message]:
        tick, self._asked, self._task = self._asked, None, None
        assert tick is not None
        statistics = self.context.statistics
        try:
            answer = task.result()
        except InfluxDBError as e:
            self.context.error(f"error executing query: {e}")
            return []
        table, by_name = self.context.table, self.properties.group_by_measurement
        batches = batches_of(answer, table, by_name, self._plan.span(tick)[1], self._plan.by_time)
        statistics.busy_ns += time.perf_counter_ns() - self._begun
        if batches is None:
            return []
        statistics.collected += len(batches)
        statistics.more["batches_queried"] += len(batches)
        statistics.more["points_queried"] += len(batches.points)
        return [batches]


def _grouping(p: QueryProperties) -> Grouping:
    tags: list[str] = []
    star = False
    interval: TimeDimension | None = None
    for dimension in p.group_by:
        if isinstance(dimension, Duration | TimeDimension):
            if interval is not None:
                raise ValueError("groupBy cannot have more than one time dimension")
            interval = dimension if isinstance(dimension, TimeDimension) else TimeDimension(int(dimension))
        elif dimension == STAR:
            star = True
        elif isinstance(dimension, str):
            tags.append(dimension)
        else:
            raise ValueError(f"invalid dimension type:{go_type(dimension)}, must be string or time.Duration")
    interval = interval or TimeDimension(0)
    return Grouping(tags, star, interval.length, interval.offset, p.align_group, _fill(p.fill))


def _fill(fill: Any) -> str | None:
    """As InfluxQL has it; what is neither text nor a number is passed over, as in the reference."""
    if isinstance(fill, str):
        if fill not in _FILLS:
            raise ValueError(f"unexpected fill option {fill}")
        return fill
    return str(fill) if type(fill) in (int, float) else None


def _schedule(p: QueryProperties) -> Schedule:
    if p.every and p.cron:
        raise ValueError("must not set both 'every' and 'cron' properties")
    if p.every < 0:
        raise ValueError("'every' duration must must non-negative")
    if p.cron:
        return ByCron(p.cron)
    if not p.every:
        raise ValueError("must define one of 'every' or 'cron'")
    return Every(p.every, p.align)


def _nobody() -> None:
    """Nobody waits: the node is ticked by its owner's own will."""
