"""A replay: a recording, or what InfluxDB is asked for, through an instance of a task that is its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from services.alertlog.outbox import Outbox
from services.bus.buckets.objects import Objects
from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq
from services.columns.frame import Batches
from services.dryrun.node_errors import NodeErrors
from services.dryrun.starting import CannotRun
from services.nodes.raising.description import DescribeHandlers, describe_alerts
from services.pipeline.spec import Edge
from services.recorder.instances import Instances
from services.recorder.progress import Progress
from services.recorder.record.archive import Archive, Contents, recorded_writes
from services.recorder.record.queries import OneQuery, QueryFailed, task_queries
from services.recorder.replay.clock import ReplayClock
from services.recorder.replay.kept_effects import DoneEffects, KeptEffects, Performer
from services.recorder.replay.points import play_points
from services.recorder.replay.replay_driver import ReplayDriver
from services.recorder.replay.sources import BatchSource, asked, in_runs, play_batches, recorded
from services.recorder.results import Results
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition
from services.store.folds.recordings import RecordingRecord, ReplayRecord

ATTEMPTS = 3
"""How often a replay is begun at most: it is begun anew when its recorder has died or could not go on."""

_CHUNK_BYTES = 4 << 20

Announce = Callable[[int, list[dict[str, Any]]], Awaitable[EventsSeq]]
"""Says that a replay has started, with its zero and its alert nodes; gives the sequence of the first such event."""


class ReplayFailed(Exception):
    """It cannot be run to its end; str() is its error."""


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """What replays need of their process. objects: where recordings lie. results: where is kept what those without side
    effects would have done. patience: seconds, see settling.py."""

    objects: Objects
    results: Results
    instances: Instances
    outbox: Outbox
    describe_handlers: DescribeHandlers
    patience: float


class ReplayJob:
    """One replay under way. Nothing of it is kept: a replay that is begun anew sends the same alerts under the same
    identities, which are dropped where they are known."""

    def __init__(
        self,
        context: ReplayContext,
        record: ReplayRecord,
        recording: RecordingRecord | None,
        lease_status: Callable[[], LeaseStatus],
        announce: Announce,
    ) -> None:
        """record, recording: as services.store.folds.recordings has them."""
        self._context, self._record, self._recording = context, record, recording
        self._lease_status, self._announce = lease_status, announce
        self._run: TaskRun | None = None
        self._zero = 0
        self._contents = Contents()
        self._done = 0  # points
        self._shares: dict[int, float] = {}  # of the time that each query node covers, how much is through
        self._progress = Progress()
        self.alerted = False  # something was sent to alerting
        self._heard = None if record.side_effects else NodeErrors()

    @property
    def progress(self) -> float:
        """How much is through: 0 to 1; 0 while that cannot be known."""
        return self._progress.reported(self._exact())

    def statistics(self) -> dict[str, Any]:
        """The task's, {} while it does not run."""
        return {} if self._run is None else self._run.statistics()

    async def run(self) -> dict[str, Any]:
        """Until the replay is through, and what its nodes send is done outside; gives the task's statistics.

        Raises ReplayFailed, or BusError.
        """
        record = self._record
        if record.attempts >= ATTEMPTS:
            raise ReplayFailed(f"interrupted {ATTEMPTS} times")
        async with self._task() as (run, alerts):
            self._zero = record.zero or time.time_ns()
            started = await self._announce(self._zero, alerts if record.side_effects else [])
            self._run = run
            performer = await self._performer()
            driver = ReplayDriver(performer, run, record.id, started, self._lease_status, self._context.patience)
            try:
                statistics = await self._driven(driver)
            except ReplayFailed:
                await performer.over()
                raise
            finally:
                self.alerted = driver.alerted and record.side_effects
            await performer.over()
            await driver.settled()
        return statistics

    async def _performer(self) -> Performer:
        """What becomes of what the task wants done. Raises BusError."""
        context, record = self._context, self._record
        if self._heard is None:
            return DoneEffects(context.outbox, record.id)
        return KeptEffects(await context.results.writer(record.sequence), self._heard)

    async def _driven(self, driver: ReplayDriver) -> dict[str, Any]:
        """All of it through the task; gives its statistics. Raises ReplayFailed once what was sent by then is done."""
        try:
            async with AsyncExitStack() as stack:
                await self._play(driver, stack)
            await driver.answered()
            statistics = driver.run.statistics()
            driver.finish()
        except (TaskFailed, QueryFailed, ValueError, ReplayFailed) as error:
            await driver.settled()
            if isinstance(error, ReplayFailed):
                raise
            what = "task run" if isinstance(error, TaskFailed) else "running replay"
            raise ReplayFailed(f"{what}: {error}") from error
        return statistics

    @contextlib.asynccontextmanager
    async def _task(self) -> AsyncIterator[tuple[TaskRun, list[dict[str, Any]]]]:
        """The task's instance, and its alert nodes as events describe them. Raises ReplayFailed."""
        record = self._record
        try:
            definition = TaskDefinition.from_plain(record.definition)
            run = await self._context.instances.of(record.task, definition, record.id, self._heard)
        except CannotRun as error:
            raise ReplayFailed(f"task start: {error}") from error
        try:
            flaw = run.flaw()
            if flaw is not None:
                raise ReplayFailed(f"task run: {flaw}")
            yield run, self._alerts(run)
        finally:
            self._run = None
            run.close()

    def _alerts(self, run: TaskRun) -> list[dict[str, Any]]:
        try:
            return describe_alerts(run.graph, self._context.describe_handlers, run.id, self._record.id)
        except TaskFailed as error:
            raise ReplayFailed(f"task start: {error}") from error

    async def _play(self, driver: ReplayDriver, stack: AsyncExitStack) -> None:
        """All of it through the task. stack: holds what is to be let go of then."""
        record = self._record
        if record.source == "recording":
            await self._recorded(driver, stack, self._archive())
        elif record.source == "batch":
            clusters = self._context.instances.environment.influxdb
            queries = task_queries(driver.run, clusters, record.start, record.stop, record.date)
            self._shares = dict.fromkeys(range(len(queries)), 0.0)
            found = [asked(query, driver.run.table, self._counter_of(i)) for i, query in enumerate(queries)]
            await self._batches(driver, stack, found)
        else:
            query = OneQuery(record.query, self._context.instances.environment.influxdb, record.cluster)
            if driver.run.graph.edge is Edge.STREAM:
                chunks = await stack.enter_async_context(aclosing(query.points(_CHUNK_BYTES)))
                await play_points(driver, self._clock(), (chunk.writes async for chunk in chunks), self._count)
            else:
                one = await stack.enter_async_context(aclosing(query.batches()))
                await self._batches(driver, stack, [in_runs(one, driver.run.table)])

    async def _recorded(self, driver: ReplayDriver, stack: AsyncExitStack, archive: Archive) -> None:
        self._contents = contents = await archive.contents()
        if driver.run.graph.edge is Edge.STREAM:
            chunks = await stack.enter_async_context(aclosing(archive.read(contents, recorded_writes)))
            await play_points(driver, self._clock(), (held async for _, held in chunks), self._count)
        else:
            table, streams = driver.run.table, range(contents.streams)
            await self._batches(driver, stack, [recorded(archive, contents, stream, table) for stream in streams])

    async def _batches(
        self, driver: ReplayDriver, stack: AsyncExitStack, found: list[AsyncGenerator[Batches, None]]
    ) -> None:
        """What has been found for each query node, in their order."""
        queries = driver.run.queries
        if len(found) != len(queries):
            raise ReplayFailed(
                f"running replay: unexpected number of batch collectors. exp {len(found)} got {len(queries)}"
            )
        sources = []
        for query, some in zip(queries, found, strict=True):
            sources.append(BatchSource(query, await stack.enter_async_context(aclosing(some)), self._clock()))
        await play_batches(driver, sources, self._count)

    def _archive(self) -> Archive:
        recording, record = self._recording, self._record
        if recording is None or recording.sequence != record.recording_sequence:
            raise ReplayFailed("data source open: no recording exists")
        if recording.type != record.definition["type"]:
            raise ReplayFailed(
                f"running replay: the recording is of type {recording.type}, "
                f"the task of type {record.definition['type']}"
            )
        if recording.status == "running":
            raise ReplayFailed("running replay: the recording is still being made")
        return Archive(self._context.objects, recording.sequence)

    def _clock(self) -> ReplayClock:
        record = self._record
        return ReplayClock(self._zero, real=record.clock == "real", recording_time=record.recording_time)

    def _count(self, points: int) -> None:
        self._done += points

    def _counter_of(self, query: int) -> Callable[[float], None]:
        def count(share: float) -> None:
            self._shares[query] = share

        return count

    def _exact(self) -> float:
        if self._run is None:
            return 0.0
        if self._shares:
            return sum(self._shares.values()) / len(self._shares)
        chunks = [chunk for chunk in self._contents.chunks if chunk.points]
        if not chunks:
            return 0.0
        if self._record.clock == "real":
            first, last = min(c.first for c in chunks), max(c.last for c in chunks)
            return (time.time_ns() - self._zero) / max(last - first, 1)
        return self._done / max(self._contents.points, 1)
