"""queryFlux: ask an InfluxDB that knows Flux on a schedule, and hand on what it answers as batches."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.columns.frame import Batches
from services.connectors import flux
from services.connectors.influxdb import InfluxDBClient
from services.connectors.influxdb_results import Batch, alike, together
from services.nodes.scheduling.schedule import schedule_of, ticks
from services.nodes.scheduling.scheduled_node import ScheduledNode
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument, flag, prop
from services.process.pools import Pool
from services.runtime.context import Context
from services.runtime.errors import TaskFailed

_threads = Pool("flux", 2, most_waiting=100_000)  # answers, of which each is in memory in any case


@dataclass
class QueryFluxProperties(Properties):
    query: str = argument(Type.STRING, doc="A script in Flux, with the span of time: range(start: -1m).")
    period: int = prop(Type.DURATION, default=0, doc="Of no effect: the script says what span of time it covers.")
    every: int = prop(Type.DURATION, default=0, doc="How often it is asked; not together with cron.")
    align: bool = flag(doc="Ask at multiples of `every`.")
    cron: str = prop(
        Type.STRING,
        default="",
        doc="When it is asked: [second] minute hour day-of-month month day-of-week [year]; not together with every.",
    )
    offset: int = prop(Type.DURATION, default=0, doc="How long before the time at which it is asked `now()` is.")
    cluster: str = prop(Type.STRING, default="", doc="The name of a configured cluster; the default one unless set.")
    org: str = prop(Type.STRING, default="", doc="The organisation, by its name.")
    org_id: str = prop(Type.STRING, default="", name="orgID", doc="The organisation, by its id.")

    def reads(self) -> frozenset[str]:
        return frozenset()

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> None:
        return None

    def name_behind(self, before: Sequence[str | None]) -> None:
        return None


class FluxPlan:
    """What a queryFlux node asks, and when: the same for a live task and for a recording of it."""

    def __init__(self, properties: QueryFluxProperties) -> None:
        """Raises TaskFailed, in the reference's words, where the properties make no sense."""
        self.properties = properties
        try:
            self.schedule = schedule_of(properties.every, properties.cron, properties.align)
        except ValueError as e:
            raise TaskFailed(str(e)) from e

    def check_sources(self, dbrps: Iterable[tuple[str, str]]) -> None:
        """What Flux reads is for its token to say."""

    def ticks(self, start: int, stop: int, now: int) -> Iterator[int]:
        """The ticks behind `start` up to `stop`, as far as their `now()` has passed by `now`; all ns."""
        return ticks(self.schedule, self.properties.offset, start, stop, now)

    async def answer(self, client: InfluxDBClient, tick: int) -> list[Batch]:
        """What a tick's query gives. Raises InfluxDBError."""
        p = self.properties
        text = await client.flux(p.query, tick - p.offset, p.org, p.org_id)
        # some microseconds a row, for which other tasks of the worker would have to wait
        return await _threads.run(flux.batches, text, tick)


class QueryFluxNode(ScheduledNode[list[Batch]]):
    """At each tick of its schedule asks a script; its `now()` is the tick's time, less the offset.

    A batch a table that has rows, with the name of its _measurement. Its tags are the columns of the group key, its
    fields the others: _field is a tag, and _value the field, unless the script pivots. Its time is its latest point's;
    points without _time have the tick's. Integers stay such.

    A query that fails is counted as an error and logged, and the next tick tries anew. What waits while a query is not
    answered, and what is made up for after a crash, is as for query; so are replays.

    Counts batches_queried and points_queried.
    """

    spec = NodeSpec(
        name="queryFlux",
        type_name="QueryFluxNode",
        properties=QueryFluxProperties,
        wants=(Edge.BATCH,),
        provides=Edge.BATCH,
        sources=("batch",),
        doc=__doc__ or "",
    )

    properties: QueryFluxProperties

    def __init__(self, properties: QueryFluxProperties, context: Context) -> None:
        self._plan = FluxPlan(properties)
        super().__init__(properties, context, self._plan.schedule, properties.cluster)

    def ask(self, client: InfluxDBClient, tick: int) -> Coroutine[Any, Any, list[Batch]]:
        return self._plan.answer(client, tick)

    def batches_of(self, answer: list[Batch], tick: int) -> list[Batches]:
        return [together(run, self.context.table) for run in alike(answer)]
