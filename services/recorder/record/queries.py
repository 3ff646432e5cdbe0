"""What is asked of InfluxDB for recordings, and for replays that do without one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from grammar.influxql.ast import Select
from grammar.influxql.parser import parse_statement
from grammar.influxql.scanner import InfluxQLError
from services.connectors.influxdb import InfluxDBClient, InfluxDBError
from services.connectors.influxdb_results import NO_TIME, Batch, batch_of, joined
from services.lineprotocol.write import encode_each, series_key
from services.nodes.query import QueryPlan, QueryProperties
from services.nodes.query_flux import FluxPlan, QueryFluxProperties
from services.pipeline.compiler.sources import BATCH
from services.pipeline.spec import Edge, Properties
from services.process.pools import Pool
from services.recorder.record.archive import GatheredWrites, RecordedWrite
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun

_AT_ONCE = 20_000  # points
_threads = Pool("sorting", 4)


class QueryFailed(Exception):
    """It cannot be asked, or InfluxDB has refused it; str() is the error."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """What one query node of a task asks for between two times; all ns since 1970.

    now: no query ends later, whatever the stop.
    """

    plan: QueryPlan | FluxPlan
    client: InfluxDBClient
    start: int
    stop: int
    now: int

    def ticks(self) -> Iterator[int]:
        """When it asks."""
        return self.plan.ticks(self.start, self.stop, self.now)

    def answer(self, tick: int) -> AsyncGenerator[Batch, None]:
        """What comes of one tick, in InfluxDB's order. Raises QueryFailed."""
        if isinstance(self.plan, FluxPlan):
            return _flux_answer(self.client, self.plan, tick)
        by_name, stop = self.plan.properties.group_by_measurement, self.plan.span(tick)[1]
        return _answer(self.client, self.plan.text(tick), by_name, stop, self.plan.by_time)

    def share(self, tick: int) -> float:
        """How much of the time has passed at a tick: 0 to 1."""
        stop = min(self.stop, self.now)
        return min(1.0, max(0.0, (tick - self.start) / (stop - self.start))) if stop > self.start else 1.0


def task_queries(
    run: TaskRun, clusters: Mapping[str, InfluxDBClient], start: int, stop: int, now: int
) -> list[TaskQuery]:
    """The queries of a task's query nodes, in the order of the script. Raises QueryFailed."""
    if run.graph.edge is not Edge.BATCH:
        raise QueryFailed("wrong task type")
    found = [child.properties for source in run.graph.sources() if source.spec is BATCH for child in source.children]
    try:
        plans = [_plan(properties) for properties in found]
        for plan in plans:
            plan.check_sources(run.dbrps)
    except TaskFailed as error:
        raise QueryFailed(str(error)) from error
    if not clusters:
        raise QueryFailed("InfluxDB not configured, cannot record batch query")
    return [TaskQuery(plan, _client(clusters, plan.properties.cluster), start, stop, now) for plan in plans]


class OneQuery:
    """A query by itself, asked as it is written."""

    def __init__(self, text: str, clusters: Mapping[str, InfluxDBClient], cluster: str) -> None:
        """Raises QueryFailed where it is no SELECT from one measurement, with database and retention policy."""
        self._text = text
        try:
            statement = parse_statement(text)
        except InfluxQLError as error:
            raise QueryFailed(str(error)) from error
        sources = statement.sources if isinstance(statement, Select) else ()
        if len(sources) != 1 or not all(sources[0]):
            raise QueryFailed("could not determine database and retention policy. Is the query fully qualified?")
        if not clusters:
            raise QueryFailed("InfluxDB not configured, cannot record query")
        self._database, self._retention_policy = sources[0]
        try:
            self._client = _client(clusters, cluster)
        except QueryFailed as error:
            raise QueryFailed(f"failed to get InfluxDB client: {error}") from error

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Each series as a batch, its time that of its latest point. Raises QueryFailed."""
        try:
            async with aclosing(_answer(self._client, self._text, False, NO_TIME, True)) as found:
                async for batch in found:
                    yield batch
        except QueryFailed as error:
            raise QueryFailed(f"InfluxDB query failed: {error}") from error

    async def points(self, chunk_bytes: int) -> AsyncGenerator[GatheredWrites, None]:
        """The points of all series in order of time, in chunks of about so many bytes. Raises QueryFailed.

        Points of one time are in the order of their series; a series that is not in order of time stays as it is.
        """
        sorter = _Sorter()
        try:
            await self._sort(sorter)
            gathered, number = GatheredWrites(), 0
            while rows := await _threads.run(sorter.next):
                number += 1
                times = [time for time, _ in rows]
                body = b"\n".join(line for _, line in rows) + b"\n"
                write = RecordedWrite(number, self._database, self._retention_policy, "n", times[0], body)
                gathered.add([write], len(rows), min(times), max(times))
                if gathered.bytes >= chunk_bytes:
                    yield gathered
                    gathered = GatheredWrites()
            yield gathered
        finally:
            await _threads.run(sorter.close)

    async def _sort(self, sorter: _Sorter) -> None:
        """Hand all points over. Raises QueryFailed."""
        latest: np.int64 | None = None
        try:
            async with aclosing(self._client.series(self._text)) as found:
                async for series, whole in found:
                    batch = batch_of(series, False, NO_TIME, True)
                    if len(batch):
                        keys = np.maximum.accumulate(batch.time)
                        keys = keys if latest is None else np.maximum(keys, latest)
                        await _threads.run(sorter.add, keys.tolist(), batch)
                        latest = keys[-1]
                    latest = None if whole else latest
        except InfluxDBError as error:
            raise QueryFailed(f"InfluxDB query failed: {error}") from error


class _Sorter:
    """Sorts lines on disk, so that it does not matter how many they are. May be closed while a thread is at it."""

    def __init__(self) -> None:
        self._alone = threading.Lock()
        # a database without a name is a file of its own that is gone once it is closed
        self._lines = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._lines.execute("CREATE TABLE lines (key INTEGER, time INTEGER, line BLOB)")
        self._lines.execute("BEGIN")
        self._sorted: sqlite3.Cursor | None = None

    def add(self, keys: Sequence[int], batch: Batch) -> None:
        """Add a batch's points as lines."""
        key, times = series_key(batch.name, batch.tags), batch.time.tolist()
        lines = encode_each([key] * len(batch), batch.fields, times)
        with self._alone:
            self._lines.executemany("INSERT INTO lines VALUES (?, ?, ?)", zip(keys, times, lines, strict=True))

    def next(self) -> list[tuple[int, bytes]]:
        """The time and line of some that follow, by their keys, else as they were added; none behind the last."""
        with self._alone:
            if self._sorted is None:
                self._sorted = self._lines.execute("SELECT time, line FROM lines ORDER BY key, rowid")
            return self._sorted.fetchmany(_AT_ONCE)

    def close(self) -> None:
        """Let go of them."""
        with self._alone:
            self._lines.close()


def _plan(properties: Properties) -> QueryPlan | FluxPlan:
    if isinstance(properties, QueryFluxProperties):
        return FluxPlan(properties)
    assert isinstance(properties, QueryProperties)
    return QueryPlan(properties)


async def _flux_answer(client: InfluxDBClient, plan: FluxPlan, tick: int) -> AsyncGenerator[Batch, None]:
    """The batches of an answer. Raises QueryFailed."""
    try:
        for batch in await plan.answer(client, tick):
            yield batch
    except InfluxDBError as error:
        raise QueryFailed(str(error)) from error


async def _answer(
    client: InfluxDBClient, text: str, by_name: bool, stop: int, by_time: bool
) -> AsyncGenerator[Batch, None]:
    """The batches of an answer, one at a time in memory. Raises QueryFailed."""
    parts: list[Batch] = []
    try:
        async with aclosing(client.series(text)) as found:
            async for series, whole in found:
                parts.append(batch_of(series, by_name, stop, by_time))
                if whole:
                    yield joined(parts)
                    parts = []
    except InfluxDBError as error:
        raise QueryFailed(str(error)) from error


def _client(clusters: Mapping[str, InfluxDBClient], name: str) -> InfluxDBClient:
    if name not in clusters:
        raise QueryFailed(f"no such InfluxDB config {name}")
    return clusters[name]
