"""A replay: a recording, or what InfluxDB is asked for, through an instance of a task that is its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any

from services.engine.frame import Batches
from services.engine.node import TaskFailed
from services.engine.nodes.alert import topics_of
from services.engine.outbox import Standing
from services.engine.task import TaskRun
from services.pipeline.spec import Edge
from services.recorder.archive import Archive, Contents, records
from services.recorder.points import play_points
from services.recorder.progress import Progress
from services.recorder.queries import OneQuery, QueryFailed, task_queries
from services.recorder.sources import Source, asked, in_runs, play_batches, recorded
from services.recorder.stage import Stage
from services.recorder.timing import ReplayClock
from services.recorder.workshop import CannotStart, Workshop

ATTEMPTS = 3
"""How often a replay is begun at most: it is begun anew when its recorder has died or could not go on."""

_CHUNK_BYTES = 4 << 20

Announce = Callable[[int, list[dict[str, Any]]], Awaitable[int]]
"""Says that a replay has started, with its zero and its alert nodes; gives the sequence of the first such event."""


class ReplayFailed(Exception):
    """It cannot be run to its end; str() is its error."""


class ReplayJob:
    """One replay under way. Nothing of it is kept: a replay that is begun anew sends the same alerts under the same
    identities, which are dropped where they are known."""

    def __init__(
        self,
        shop: Workshop,
        record: Mapping[str, Any],
        recording: Mapping[str, Any] | None,
        standing: Callable[[], Standing],
        announce: Announce,
    ) -> None:
        """record, recording: as services.store.projections.recordings has them."""
        self._shop, self._record, self._recording = shop, record, recording
        self._standing, self._announce = standing, announce
        self._run: TaskRun | None = None
        self._zero = 0
        self._contents = Contents()
        self._done = 0  # points
        self._shares: dict[int, float] = {}  # of the time that each query node covers, how much is through
        self._progress = Progress()
        self.alerted = False  # something was sent to alerting

    @property
    def progress(self) -> float:
        """How much is through: 0 to 1; 0 while that cannot be known."""
        return self._progress.shown(self._exact())

    def statistics(self) -> dict[str, Any]:
        """The task's, {} while it does not run."""
        return {} if self._run is None else self._run.statistics()

    async def run(self) -> dict[str, Any]:
        """Until the replay is through, and what its nodes send is done outside; gives the task's statistics.

        Raises ReplayFailed, or BusError.
        """
        record = self._record
        if record["attempts"] >= ATTEMPTS:
            raise ReplayFailed(f"interrupted {ATTEMPTS} times")
        with self._task() as (run, alerts):
            self._zero = record["zero"] or time.time_ns()
            started = await self._announce(self._zero, alerts)
            self._run = run
            stage = Stage(self._shop, run, record["id"], started, self._standing)
            try:
                statistics = await self._staged(stage)
            finally:
                self.alerted = stage.alerted
            await stage.settled()
        return statistics

    async def _staged(self, stage: Stage) -> dict[str, Any]:
        """All of it through the task; gives its statistics. Raises ReplayFailed once what was sent by then is done."""
        try:
            async with AsyncExitStack() as stack:
                await self._play(stage, stack)
            await stage.answered()
            statistics = stage.run.statistics()
            stage.finish()
        except (TaskFailed, QueryFailed, ValueError, ReplayFailed) as error:
            await stage.settled()
            if isinstance(error, ReplayFailed):
                raise
            what = "task run" if isinstance(error, TaskFailed) else "running replay"
            raise ReplayFailed(f"{what}: {error}") from error
        return statistics

    @contextlib.contextmanager
    def _task(self) -> Iterator[tuple[TaskRun, list[dict[str, Any]]]]:
        """The task's instance, and its alert nodes as events describe them. Raises ReplayFailed."""
        record = self._record
        try:
            run = self._shop.instance(record["task"], record["definition"], record["id"])
        except CannotStart as error:
            raise ReplayFailed(f"task start: {error}") from error
        try:
            flaw = run.flaw()
            if flaw is not None:
                raise ReplayFailed(f"task run: {flaw}")
            nodes = [node for node in run.graph.nodes if node.spec.takes_handlers]
            yield run, [self._alert(node.name, node.properties) for node in nodes]
        finally:
            self._run = None
            run.close()

    def _alert(self, node: str, properties: Any) -> dict[str, Any]:
        handlers = self._shop.describe_handlers(properties)
        topics = topics_of(properties, self._record["task"], node, self._record["id"])
        return {"node": node, "topic": topics[0] if handlers else "", "topics": list(topics), "handlers": handlers}

    async def _play(self, stage: Stage, stack: AsyncExitStack) -> None:
        """All of it through the task. stack: holds what is to be let go of then."""
        record = self._record
        if record["source"] == "recording":
            await self._recorded(stage, stack, self._archive())
        elif record["source"] == "batch":
            clusters = self._shop.around.influxdb
            queries = task_queries(stage.run, clusters, record["start"], record["stop"], record["date"])
            self._shares = dict.fromkeys(range(len(queries)), 0.0)
            found = [asked(query, stage.run.table, self._teller(i)) for i, query in enumerate(queries)]
            await self._batches(stage, stack, found)
        else:
            query = OneQuery(record["query"], self._shop.around.influxdb, record["cluster"])
            if stage.run.graph.edge is Edge.STREAM:
                chunks = await stack.enter_async_context(aclosing(query.points(_CHUNK_BYTES)))
                await play_points(stage, self._clock(), (chunk.records async for chunk in chunks), self._count)
            else:
                one = await stack.enter_async_context(aclosing(query.batches()))
                await self._batches(stage, stack, [in_runs(one, stage.run.table)])

    async def _recorded(self, stage: Stage, stack: AsyncExitStack, archive: Archive) -> None:
        self._contents = contents = await archive.contents()
        if stage.run.graph.edge is Edge.STREAM:
            chunks = await stack.enter_async_context(aclosing(archive.read(contents, records)))
            await play_points(stage, self._clock(), (held async for _, held in chunks), self._count)
        else:
            table, streams = stage.run.table, range(contents.streams)
            await self._batches(stage, stack, [recorded(archive, contents, stream, table) for stream in streams])

    async def _batches(self, stage: Stage, stack: AsyncExitStack, found: list[AsyncGenerator[Batches, None]]) -> None:
        """What has been found for each query node, in their order."""
        queries = stage.run.queries
        if len(found) != len(queries):
            raise ReplayFailed(
                f"running replay: unexpected number of batch collectors. exp {len(found)} got {len(queries)}"
            )
        sources = []
        for query, some in zip(queries, found, strict=True):
            sources.append(Source(query, await stack.enter_async_context(aclosing(some)), self._clock()))
        await play_batches(stage, sources, self._count)

    def _archive(self) -> Archive:
        recording, record = self._recording, self._record
        if recording is None or recording["sequence"] != record["recording_sequence"]:
            raise ReplayFailed("data source open: no recording exists")
        if recording["type"] != record["definition"]["type"]:
            raise ReplayFailed(
                f"running replay: the recording is of type {recording['type']}, "
                f"the task of type {record['definition']['type']}"
            )
        if recording["status"] == "running":
            raise ReplayFailed("running replay: the recording is still being made")
        return Archive(self._shop.objects, recording["sequence"])

    def _clock(self) -> ReplayClock:
        record = self._record
        return ReplayClock(self._zero, real=record["clock"] == "real", recording_time=record["recording_time"])

    def _count(self, points: int) -> None:
        self._done += points

    def _teller(self, query: int) -> Callable[[float], None]:
        def tell(share: float) -> None:
            self._shares[query] = share

        return tell

    def _exact(self) -> float:
        if self._run is None:
            return 0.0
        if self._shares:
            return sum(self._shares.values()) / len(self._shares)
        chunks = [chunk for chunk in self._contents.chunks if chunk.points]
        if not chunks:
            return 0.0
        if self._record["clock"] == "real":
            first, last = min(c.first for c in chunks), max(c.last for c in chunks)
            return (time.time_ns() - self._zero) / max(last - first, 1)
        return self._done / max(self._contents.points, 1)
