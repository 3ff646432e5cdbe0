"""query: ask InfluxDB on a schedule, and hand on what it answers as batches."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grammar.influxql.parser import parse_select
from grammar.influxql.query import Grouping, query_text
from grammar.influxql.scanner import InfluxQLError, TooDeep
from services.columns.frame import Batches
from services.connectors.influxdb import InfluxDBClient
from services.connectors.influxdb_results import batches_of
from services.nodes.scheduling.schedule import schedule_of, ticks
from services.nodes.scheduling.scheduled_node import ScheduledNode
from services.pipeline.compiler.values import go_type
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
from services.runtime.context import Context
from services.runtime.errors import TaskFailed

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

    def check(self) -> None:
        """What is too large is refused with the script; what is wrong is told when the task starts, as the reference
        does."""
        try:
            parse_select(self.query)
        except TooDeep as e:
            raise ValueError(str(e)) from None
        except InfluxQLError:
            return

    def reads(self) -> frozenset[str]:
        return frozenset()

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        tags = [dimension for dimension in self.group_by if isinstance(dimension, str)]
        return None if STAR in self.group_by else frozenset(tags)

    def name_behind(self, before: Sequence[str | None]) -> None:
        return None


class QueryPlan:
    """What a query node asks, and when: the same for a live task and for a recording of it."""

    def __init__(self, properties: QueryProperties) -> None:
        """Raises TaskFailed, in the reference's words, where the properties make no sense."""
        self.properties = properties
        try:
            self._select = parse_select(properties.query)
            self._grouping = _grouping(properties)
            self.schedule = schedule_of(properties.every, properties.cron, properties.align)
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
        return ticks(self.schedule, self.properties.offset, start, stop, now)


class QueryNode(ScheduledNode[list[dict[str, Any]]]):
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
        self._plan = QueryPlan(properties)
        super().__init__(properties, context, self._plan.schedule, properties.cluster)
        if not self.replayed:
            self._plan.check_sources(context.dbrps)

    def ask(self, client: InfluxDBClient, tick: int) -> Coroutine[Any, Any, list[dict[str, Any]]]:
        return client.query(self._plan.text(tick))

    def batches_of(self, answer: list[dict[str, Any]], tick: int) -> list[Batches]:
        by_name = self.properties.group_by_measurement
        found = batches_of(answer, self.context.table, by_name, self._plan.span(tick)[1], self._plan.by_time)
        return [] if found is None else [found]


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
