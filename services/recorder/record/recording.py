"""Making a recording: of the log, of what InfluxDB is asked for, or of a file that somebody has brought."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from services.bus.buckets.objects import Damaged, Objects
from services.bus.connection import Bus
from services.bus.epochs import Epochs, WritesLog
from services.bus.errors import BusError
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.connectors.influxdb_results import Batch
from services.dryrun.starting import CannotRun
from services.process import log as logs
from services.process.pools import Pool
from services.recorder.instances import Instances
from services.recorder.progress import Progress
from services.recorder.record import brpl, srpl
from services.recorder.record.archive import Archive, Contents, GatheredWrites, Part
from services.recorder.record.batches import GatheredBatches
from services.recorder.record.queries import OneQuery, QueryFailed, TaskQuery, task_queries
from services.recorder.record.selection import Selection
from services.store.folds.definition import TaskDefinition
from services.store.folds.recordings import RecordingRecord

log = logs.get("recorder")

P = TypeVar("P", bound=Part)

CHUNK_BYTES = 4 << 20
_SAVE_SECONDS = 30.0
_threads = Pool("imports", threads=2)
_LOOK_SECONDS = 2.0  # how often is looked how far the log is while nothing of the recording comes
_MAX_BYTES = 4 << 20  # of the log that wait here: packed, they are ten times as much text
_GRACE_NS = 15 * 10**9  # for which what was measured before the stop may still come; Telegraf sends every ten seconds


class RecordingFailed(Exception):
    """It cannot be made; str() is its error."""


@dataclass(frozen=True, slots=True)
class RecordingContext:
    """What recordings need of their process. objects: where they lie. max_import: bytes that a file may unpack to."""

    objects: Objects
    instances: Instances
    writes: WritesLog
    max_import: int


class RecordingJob:
    """One recording under way. What it has stored is found again by the next job, which goes on from there; but what
    comes of one query or one file it takes from the beginning."""

    def __init__(
        self, bus: Bus, context: RecordingContext, record: RecordingRecord, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        """record: as services.store.folds.recordings has it."""
        self._bus, self._context, self._record = bus, context, record
        self._chunk_bytes = chunk_bytes
        self._archive = Archive(context.objects, record.sequence)
        self._contents = Contents()
        self._saved = time.monotonic()
        self._seen = WritesSeq(0)  # everything in the log up to there is gathered or stored, or is not wanted
        self._progress = Progress()
        self._share: Callable[[], float] = lambda: 0.0

    @property
    def size(self) -> int:
        """Bytes stored so far."""
        return self._contents.size

    @property
    def progress(self) -> float:
        """How much is recorded of the time that it is to cover: 0 to 1; 0 while that cannot be known."""
        return self._progress.reported(self._share())

    async def run(self) -> None:
        """Until it is whole. Raises RecordingFailed, or BusError where the bus does not go along."""
        source = self._record.source
        try:
            self._contents = await self._archive.contents()
        except ValueError as error:
            raise RecordingFailed(str(error)) from error
        try:
            if source == "stream":
                await self._stream()
            elif source == "batch":
                await self._batch()
            elif source == "query":
                await self._query()
            else:
                await self._import()
        except (QueryFailed, CannotRun, srpl.BadFile) as error:
            raise RecordingFailed(str(error)) from error

    async def _stream(self) -> None:
        """Record the log until a point comes that is later than the stop, or the clock has long passed it."""
        record, gathered = self._record, GatheredWrites()
        end = _end_by_clock(record)
        await self._begin()
        await self._nothing_lost()
        covered = _Covered(self._contents, record.stop)
        self._share = covered.share
        subjects = sorted({write_subject(d["db"], d["rp"]) for d in record.dbrps})
        selection = Selection(record.measurements, record.stop)
        created = self._context.writes.created
        async with self._bus.follow(WRITES, subjects, self._seen, max_bytes=_MAX_BYTES, created=created) as follower:
            waiting: asyncio.Task[Any] | None = None
            try:
                while True:
                    waiting = waiting or asyncio.create_task(follower.batch())
                    await asyncio.wait([waiting], timeout=_until_look(end))
                    if waiting.done():
                        messages = waiting.result()
                        waiting = None
                        await self._nothing_lost()
                        self._seen = WritesSeq(messages[-1].seq)
                        before = [m for m in messages if end is None or m.time_ns <= end]
                        taken = selection.take(before)
                        if taken.writes:
                            times = taken.times
                            gathered.add(taken.writes, len(times), int(times.min()), int(times.max()))
                            covered.add(int(times[0]), int(times.max()))
                        ended = taken.ended or len(before) < len(messages)
                    else:
                        ended = end is not None and time.time_ns() > end and await self._all_seen(subjects)
                        await self._look_ahead(subjects)
                    epoch = self._context.writes.epochs.of(self._seen)
                    if ended:
                        await self._save(gathered, position=self._seen, epoch=epoch)
                        return
                    if self._seen > self._contents.position and self._due(gathered):
                        await self._save(gathered, position=self._seen, epoch=epoch)
                        gathered = GatheredWrites()
            finally:
                if waiting is not None:
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)

    async def _begin(self) -> None:
        """Begin behind what was recorded before. Raises RecordingFailed where the log does not go on from there."""
        record, contents, writes = self._record, self._contents, self._context.writes

        def furthest(epochs: Epochs) -> int:
            begins = epochs.within(record.position, record.date)
            return max(begins, contents.position if epochs.fits(contents.position, contents.epoch) else 0)

        await writes.look(furthest=furthest)
        if contents.position and not writes.epochs.fits(contents.position, contents.epoch):
            raise RecordingFailed(f"the log went back: it no longer holds the writes up to {contents.position}")
        self._seen = WritesSeq(furthest(writes.epochs))

    async def _nothing_lost(self) -> None:
        """Raises RecordingFailed where the log has dropped what was not seen yet.

        To be asked for when messages have come, before they count as seen: they then have no gap.
        """
        first = (await self._bus.stream_state(WRITES)).first_seq
        if first > self._seen + 1:
            lost = f"{self._seen + 1} to {first - 1}"
            raise RecordingFailed(f"the log no longer holds the writes {lost}, which the recording needs")

    async def _look_ahead(self, subjects: Sequence[str]) -> None:
        """Count as seen what is not wanted: where nothing comes for long, the log may drop that without harm."""
        with contextlib.suppress(BusError):
            last = await self._bus.last_sequence(WRITES)
            if last > self._seen and await self._all_seen(subjects):
                self._seen = WritesSeq(last)

    async def _all_seen(self, subjects: Sequence[str]) -> bool:
        """Whether nothing that is wanted is in the log beyond what was seen; False where the bus does not tell."""
        with contextlib.suppress(BusError):
            ours = await asyncio.gather(*map(self._bus.last_subject_sequence, subjects))
            return max(ours, default=0) <= self._seen
        return False

    async def _batch(self) -> None:
        """Ask what the task's query nodes ask for, one node after the other."""
        record = self._record
        if record.definition is None:
            raise RecordingFailed("it was asked for of a version that does not record queries")
        definition = TaskDefinition.from_plain(record.definition)
        run = await self._context.instances.of(record.task, definition, record.id)
        try:
            clusters = self._context.instances.environment.influxdb
            queries = task_queries(run, clusters, record.start, record.stop, record.date)
        finally:
            run.close()
        if not self._contents.streams:
            await self._save(GatheredBatches(0), streams=len(queries), position=record.start)
        for number in range(self._contents.stream, len(queries)):
            if number > self._contents.stream:
                await self._save(GatheredBatches(0), stream=number, position=record.start, taken=0)
            await self._node(queries[number])

    async def _node(self, query: TaskQuery) -> None:
        """Record what is left of a query node."""
        number, streams = self._contents.stream, self._contents.streams
        gathered = GatheredBatches(number)
        whole, taken = self._contents.position, self._contents.taken
        self._share = lambda: (number + query.share(whole)) / streams
        for tick in query.ticks():
            if tick <= whole:
                continue
            count = 0
            async with aclosing(query.answer(tick)) as answer:
                async for batch in answer:
                    count += 1
                    if count <= taken:
                        continue
                    gathered.add(batch)
                    if gathered.bytes >= self._chunk_bytes:
                        await self._save(gathered, position=whole, taken=count)
                        gathered = GatheredBatches(number)
            whole, taken = tick, 0
            if self._due(gathered):
                await self._save(gathered, position=whole, taken=0)
                gathered = GatheredBatches(number)
        await self._save(gathered, position=whole, taken=0)

    async def _query(self) -> None:
        """Ask one query."""
        record = self._record
        query = OneQuery(record.query, self._context.instances.environment.influxdb, record.cluster)
        if record.type == "stream":
            await self._reset()
            async with aclosing(query.points(self._chunk_bytes)) as chunks:
                async for gathered in chunks:
                    await self._save(gathered)
        else:
            await self._reset(streams=1)
            async with aclosing(_parts(query.batches(), self._chunk_bytes)) as parts:
                async for part in parts:
                    await self._save(part)

    async def _import(self) -> None:
        """Take up a file."""
        try:
            data = await self._context.objects.get(self._record.object)
        except Damaged as error:
            raise RecordingFailed(str(error)) from error
        if data is None:
            raise RecordingFailed("the file to be imported is not there any more")
        most = self._context.max_import
        if self._record.type == "stream":
            await self._reset()
            await self._take(srpl.read(data, self._chunk_bytes, most))
        else:
            await self._reset(streams=await _threads.run(brpl.streams, data))
            await self._take(brpl.read(data, self._chunk_bytes, most))

    async def _take(self, parts: Iterator[P]) -> None:
        while (part := await _threads.run(next, parts, None)) is not None:
            await self._save(part)

    async def _reset(self, streams: int = 0) -> None:
        """Forget what an interrupted job has stored."""
        if self._contents != Contents():
            await self._archive.delete()
        self._contents = Contents(streams=streams)

    def _due(self, part: Part) -> bool:
        return part.bytes >= self._chunk_bytes or time.monotonic() - self._saved > _SAVE_SECONDS

    async def _save(self, part: Part, **how_far: Any) -> None:
        """Store what has been gathered. how_far: what changes in the contents."""
        self._contents = await self._archive.add(replace(self._contents, **how_far), part)
        self._saved = time.monotonic()


def _end_by_clock(record: RecordingRecord) -> int | None:
    """When the clock ends the recording of a stream, ns since 1970: what enters the log later is not in it.

    None where it does not: a stop that had passed when the recording was asked for is about points of the past, that
    are still to be written. One with a start is as if it had been asked for then.
    """
    return record.stop + _GRACE_NS if record.stop > (record.start or record.date) else None


def _until_look(end: int | None) -> float:
    """Seconds until is to be looked again how far the log is."""
    left = _LOOK_SECONDS if end is None else (end - time.time_ns()) / 1e9
    return min(_LOOK_SECONDS, left) if left > 0 else _LOOK_SECONDS / 10


class _Covered:
    """How much of the time from the first point to the stop has been recorded."""

    def __init__(self, contents: Contents, stop: int) -> None:
        self._stop = stop
        self._first: int | None = None
        self._latest = 0
        for chunk in contents.chunks:
            self.add(chunk.first, chunk.last)

    def add(self, first: int, latest: int) -> None:
        """Points have come, the first one at `first`, the latest at `latest` (ns)."""
        if self._first is None:
            self._first, self._latest = first, latest
        self._latest = max(self._latest, latest)

    def share(self) -> float:
        """0 to 1, or a little beyond."""
        if self._first is None or self._stop <= self._first:
            return 0.0
        return (self._latest - self._first) / (self._stop - self._first)


async def _parts(found: AsyncGenerator[Batch, None], chunk_bytes: int) -> AsyncGenerator[GatheredBatches, None]:
    """Batches in chunks of about so many bytes."""
    gathered = GatheredBatches(0)
    async with aclosing(found):
        async for batch in found:
            gathered.add(batch)
            if gathered.bytes >= chunk_bytes:
                yield gathered
                gathered = GatheredBatches(0)
    yield gathered
