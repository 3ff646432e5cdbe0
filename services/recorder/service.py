"""The recorder: takes up what is to be recorded, replayed or looked at and nobody works on, and answers what is asked
about it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any

from schemas.requests.recorder import (
    INSPECTION_PROGRESS,
    RECORDER_EXPORT,
    RECORDER_LIST,
    RECORDER_RESULTS,
    RECORDING_PROGRESS,
    REPLAY_PROGRESS,
)
from schemas.requests.request import Request
from services.bus.buckets.kv import Bucket
from services.bus.buckets.suspects import Suspects
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.events import Event, decode
from services.bus.leases.claims import TTL_SECONDS, Claim
from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq
from services.bus.requests import Responder
from services.bus.streams import EVENTS
from services.bus.subjects import request_subject
from services.columns.groups.series import SeriesTable
from services.process import log as logs
from services.recorder import announcements, tries
from services.recorder.inspection import retention
from services.recorder.inspection.carrying_out import MOST_AT_ONCE, carried_out
from services.recorder.inspection.registry import JOBS
from services.recorder.past import Past
from services.recorder.record import brpl, srpl
from services.recorder.record.archive import Archive, recorded_writes
from services.recorder.record.batches import batches
from services.recorder.record.recording import RecordingContext, RecordingFailed, RecordingJob
from services.recorder.replay.replay import ReplayContext, ReplayFailed, ReplayJob
from services.recorder.replay.settling import handled
from services.recorder.results import Results
from services.store.folds import inspections, overrides, recordings
from services.store.folds.inspections import InspectionRecord
from services.store.folds.recordings import JobRecord, RecordingRecord, ReplayRecord
from services.store.folds.state import Change
from services.store.folds.with_overrides import with_overrides
from services.store.live_config import LiveConfig
from services.store.projection import Projection
from services.store.store import Store

log = logs.get("recorder")

QUEUE = "recorder"
CLAIMS = "tickbus-recorder"
"""The bucket for claims."""
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_MADE_SECONDS, _MADE_PAUSE = 3.0, 0.05
_LAST_ANSWERS_SECONDS = 0.5  # for what is asked of a job just before its end
_TIDY_SECONDS = 60.0
_FILE_NS = 3600 * 10**9  # after which a file that no recording is made of is dropped

_KINDS = {bucket: kind for kind, bucket in recordings.BUCKETS.items()}

Key = tuple[str, int]  # kind, and the sequence of the event that defined it


class Recorder:
    """Use as an async context manager: it knows all that is to be done when it begins, and has let go when it ends.

    Any number of recorders may share the work; each piece has one of them at a time (see services.bus.leases.claims).
    """

    def __init__(
        self,
        bus: Bus,
        store: Store,
        claims: Bucket,
        recording: RecordingContext,
        replay: ReplayContext,
        past: Past,
        results: Results,
        name: str,
        effective: LiveConfig,
        replicas: int = 1,
    ) -> None:
        """effective: the configuration, which is to follow the log. replicas: on how many servers buckets lie."""
        self._replicas = replicas
        self._effective = effective
        self._bus, self._claims, self._name = bus, claims, name
        self._recording_context, self._replay_context, self._objects = recording, replay, recording.objects
        self._past, self._kept_results = past, results
        self._projection: Projection[Event] = Projection(
            store,
            with_overrides(recordings.fold),
            EVENTS,
            forget=recordings.forget,
            records=recordings.RECORDS,
        )
        self._work: dict[Key, asyncio.Task[None]] = {}
        self._later: dict[Key, float] = {}
        self._more: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._responders: list[Responder] = []
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Recorder:
        self._suspects = await Suspects.open(self._bus, self._replicas)
        self._projection.on_change(self._changed)
        await self._projection.start(self._bus, [*recordings.SUBJECTS, *overrides.SUBJECTS], decode)
        self._effective.follow(self._projection)
        self._responders = [
            self._bus.answer(request_subject(*RECORDER_LIST.tokens()), self._list, QUEUE),
            self._bus.answer(request_subject(*RECORDER_EXPORT.tokens()), self._export, QUEUE),
            self._bus.answer(request_subject(*RECORDER_RESULTS.tokens()), self._results, QUEUE),
        ]
        self._looking = asyncio.create_task(self._look())
        self._spawn(self._sweep())
        self._spawn(self._tidy())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._responders:
            one.stop()
        left = [*self._work.values(), *self._more] + ([self._looking] if self._looking is not None else [])
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._projection.stop()

    async def failed(self) -> None:
        """Return or raise when it cannot go on; until then wait."""
        if self._looking is not None:
            await self._looking

    async def caught_up(self) -> str:
        """Wait until all is known that the log has now; nothing is then to be complained of. Raises BusError."""
        await self._projection.caught_up()
        return ""

    async def figures(self) -> dict[str, int]:
        """By kind how much it works on: recordings, replays and the like."""
        kinds = [kind for kind, _ in self._work]
        return {kind: kinds.count(kind) for kind in recordings.BUCKETS}

    def _has_room(self, kind: str) -> bool:
        return kind not in inspections.KINDS or sum(one in inspections.KINDS for one, _ in self._work) < MOST_AT_ONCE

    async def _look(self) -> None:
        """Take up what nobody works on, again and again."""
        while True:
            self._wake.clear()
            for kind, bucket in recordings.BUCKETS.items():
                for record in list(self._projection.state.bucket(bucket).values()):
                    key = (kind, record.sequence)
                    free = record.status == "running" and key not in self._work and self._has_room(kind)
                    if free and self._later.get(key, 0.0) <= time.monotonic():
                        self._later.pop(key, None)
                        self._begin(kind, record)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()

    def _begin(self, kind: str, record: JobRecord) -> None:
        key = (kind, record.sequence)
        task = self._work[key] = asyncio.create_task(self._take_up(kind, record))

        def done(task: asyncio.Task[None]) -> None:
            if self._work.get(key) is task:
                del self._work[key]
                self._wake.set()

        task.add_done_callback(done)

    async def _take_up(self, kind: str, record: JobRecord) -> None:
        """Work on one thing if nobody else does. Whatever fails here must not end the recorder."""
        key = (kind, record.sequence)
        try:
            claim = await Claim.take(self._claims, f"{kind}/{record.sequence}", self._name)
            if claim is None:
                self._later[key] = time.monotonic() + TTL_SECONDS / 2
                return
            await self._under(claim, kind, record.id)
        except announcements.Overtaken:
            self._later[key] = time.monotonic() + _RETRY_SECONDS
        except BusError as error:
            log.warn("interrupted, to be taken up again", kind=kind, id=record.id, err=error)
            self._later[key] = time.monotonic() + _RETRY_SECONDS
        except Exception as error:
            log.exception("work broke off", error, kind=kind, id=record.id)
            self._later[key] = time.monotonic() + TTL_SECONDS

    async def _under(self, claim: Claim, kind: str, id: str) -> None:
        """Work for as long as the claim is held."""
        # another recorder may have said something since this one last looked
        subject = f"tickbus.event.{kind}.>"
        await self._projection.reached(await self._bus.last_subject_sequence(subject))
        record = recordings.record_of(self._projection.state, kind, id)
        await claim.work(self._work_on(claim, kind, record))

    async def _work_on(self, claim: Claim, kind: str, record: JobRecord | None) -> None:
        if record is None or record.status != "running":
            return
        error = await tries.verdict(self._suspects, kind, record, self._name)
        if error:
            await self._give_up(kind, record, error)
            return
        if isinstance(record, InspectionRecord):
            await self._inspect(record)
        else:
            await (self._record(record) if isinstance(record, RecordingRecord) else self._replay(record, claim))

    async def _give_up(self, kind: str, record: JobRecord, error: str) -> None:
        """It is not tried again."""
        log.error("it fails", kind=kind, id=record.id, err=error)
        more: dict[str, Any] = {}
        if isinstance(record, RecordingRecord):
            more = {"size": record.size}
        elif isinstance(record, ReplayRecord):
            more = {"task": record.task}
        await self._announce(kind, record.id, "failed", {"error": error, **more})
        await tries.forget(self._suspects, kind, record)

    async def _record(self, record: RecordingRecord) -> None:
        size = 0
        with contextlib.suppress(ValueError):  # which it will fail with
            size = (await Archive(self._objects, record.sequence).contents()).size
        async with tries.counted(self._suspects, record, size, self._name):
            await self._make(record)

    async def _make(self, record: RecordingRecord) -> None:
        job = RecordingJob(self._bus, self._recording_context, record)
        id = record.id

        async def progress(data: bytes, headers: Mapping[str, str]) -> bytes:
            RECORDING_PROGRESS.decode_request(data)
            return RECORDING_PROGRESS.encode_response({"progress": job.progress, "size": job.size})

        async with self._answer(RECORDING_PROGRESS, id, progress):
            what, data = "finished", dict[str, Any]()
            try:
                await job.run()
            except RecordingFailed as error:
                what, data = "failed", {"error": str(error)}
            except (BusError, announcements.Overtaken):
                raise
            except Exception as error:
                log.exception("a recording broke", error, id=id)
                what, data = "failed", {"error": f"internal error: {type(error).__name__}: {error}"}
        await self._announce("recording", id, what, {**data, "size": job.size})
        if record.object:
            await self._objects.delete(record.object)

    async def _recording(self, id: str) -> RecordingRecord | None:
        """A recording, given a moment where it is still being made: who replays it may have seen the last point go in,
        which is not stored yet."""
        until = time.monotonic() + _MADE_SECONDS
        while True:
            recording = recordings.recording_of(self._projection.state, id)
            if recording is None or recording.status != "running" or time.monotonic() > until:
                return recording
            await asyncio.sleep(_MADE_PAUSE)

    async def _replay(self, record: ReplayRecord, claim: Claim) -> None:
        id, task = record.id, record.task
        gone = False

        def lease_status() -> LeaseStatus:
            return LeaseStatus.LOST if gone else claim.status

        async def announce(zero: int, alerts: list[dict[str, Any]]) -> EventsSeq:
            data = {"task": task, "worker": self._name, "zero": zero, "alerts": alerts}
            seq = await self._announce("replay", id, "started", data)
            return EventsSeq(record.started or seq)

        recording = await self._recording(record.recording)
        job = ReplayJob(self._replay_context, record, recording, lease_status, announce)

        async def progress(data: bytes, headers: Mapping[str, str]) -> bytes:
            REPLAY_PROGRESS.decode_request(data)
            return REPLAY_PROGRESS.encode_response({"progress": job.progress, "stats": job.statistics()})

        try:
            async with self._answer(REPLAY_PROGRESS, id, progress):
                data: dict[str, Any]
                try:
                    what, data = "finished", {"stats": await job.run()}
                except ReplayFailed as error:
                    what, data = "failed", {"error": str(error)}
                except (BusError, announcements.Overtaken):
                    raise
                except Exception as error:
                    log.exception("a replay broke", error, id=id)
                    what, data = "failed", {"error": f"internal error: {type(error).__name__}: {error}"}
                await self._replay_context.outbox.sent()
                if job.alerted:
                    await handled(self._bus, f"{id}:{task}", self._replay_context.patience)
            await self._announce("replay", id, what, {**data, "task": task})
        finally:
            gone = True

    async def _inspect(self, record: InspectionRecord) -> None:
        job, request = JOBS[record.kind](self._past, record), INSPECTION_PROGRESS[record.kind]

        async def progress(data: bytes, headers: Mapping[str, str]) -> bytes:
            request.decode_request(data)
            return request.encode_response({"progress": job.progress})

        counted = tries.counted(self._suspects, record, 0, self._name)
        async with counted, self._answer(request, record.id, progress):
            what, data = await carried_out(job, record, self._kept_results)
        await self._announce(record.kind, record.id, what, data)

    @contextlib.asynccontextmanager
    async def _answer(self, request: Request, id: str, handler: Any) -> AsyncIterator[None]:
        answering = self._bus.answer(request_subject(*request.tokens(id)), handler)
        try:
            yield
        finally:
            # what was asked just before its end is answered, too: who asks would wait for seconds
            await answering.drain(_LAST_ANSWERS_SECONDS)

    async def _announce(self, kind: str, id: str, what: str, data: Mapping[str, Any]) -> int:
        last = self._projection.state.get(recordings.LAST, f"{kind}/{id}") or 0
        seq = await announcements.announce(self._bus, self._name, kind, id, what, data, last)
        await self._projection.reached(seq)
        return seq

    def _changed(self, changes: Sequence[Change]) -> None:
        self._wake.set()
        for change in changes:
            before, kind = change.before, _KINDS.get(change.bucket)
            if kind is None or before is None:
                continue
            if change.after is None or change.after.sequence != before.sequence:
                self._spawn(self._end(kind, before))

    async def _end(self, kind: str, record: JobRecord) -> None:
        """Stop what was deleted, and forget what it has stored."""
        working = self._work.get((kind, record.sequence))
        if working is not None:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await self._drop(record)

    async def _drop(self, record: JobRecord) -> None:
        while True:
            try:
                if isinstance(record, RecordingRecord):
                    await Archive(self._objects, record.sequence).delete()
                    if record.object:
                        await self._objects.delete(record.object)
                elif isinstance(record, InspectionRecord) or not record.side_effects:
                    await self._kept_results.delete(record.sequence)
                return
            except BusError as error:
                log.limited("drop").warn("what was deleted cannot be dropped yet", id=record.id, err=error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _tidy(self) -> None:
        """Delete traces and backtests that have ended long ago, or of which there are too many."""
        while True:
            for bucket in inspections.KINDS.values():
                records = list(self._projection.state.bucket(bucket).values())
                for record in retention.surplus(records, time.time_ns()):
                    with contextlib.suppress(announcements.Overtaken, BusError):
                        await self._announce(record.kind, record.id, "deleted", {})
            await asyncio.sleep(_TIDY_SECONDS)

    async def _sweep(self) -> None:
        """Drop what is stored of what was deleted while no recorder ran."""
        with contextlib.suppress(BusError):
            looks = [self._projection.state.bucket(bucket).values() for bucket in inspections.KINDS.values()]
            replays = self._projection.state.bucket(recordings.REPLAYS).values()
            there = [record.sequence for records in (*looks, replays) for record in records]
            await self._kept_results.sweep(there, EventsSeq(self._projection.position))
            records = self._projection.state.bucket(recordings.RECORDINGS).values()
            known = {str(r.sequence) for r in records}
            files = {r.object for r in records if r.status == "running"}
            until = self._projection.position
            for info in await self._objects.list():
                owner = info.name.partition("/")[0]
                if owner.isdigit():
                    left = int(owner) <= until and owner not in known
                else:
                    # a file is there a moment before the recording that is to be made of it
                    left = info.name not in files and time.time_ns() - info.time_ns > _FILE_NS
                if left:
                    await self._objects.delete(info.name)

    async def _list(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """How many query nodes a recording of batches is of, and for each chunk which of them it is of."""
        contents = await Archive(self._objects, RECORDER_LIST.decode_request(data)["sequence"]).contents()
        return RECORDER_LIST.encode_response(
            {"streams": contents.streams, "chunks": [chunk.seq for chunk in contents.chunks]}
        )

    async def _export(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """A chunk of a recording as a part of a file; nothing behind the last one."""
        question = RECORDER_EXPORT.decode_request(data)
        archive = Archive(self._objects, question["sequence"])
        number = question["chunk"]
        contents = await archive.contents()
        if number >= len(contents.chunks):
            return RECORDER_EXPORT.encode_response(b"")
        return RECORDER_EXPORT.encode_response(await archive.chunk(number, _srpl if not contents.streams else _brpl))

    async def _results(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """Lines of what was found."""
        question = RECORDER_RESULTS.decode_request(data)
        page = await self._kept_results.read(EventsSeq(question["sequence"]), question["offset"], question["limit"])
        return RECORDER_RESULTS.encode_response(
            {"rows": page.rows, "next": page.next, "count": page.count, "left_out": page.left_out}
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._more.add(task)
        task.add_done_callback(self._more.discard)


def _srpl(plain: Any) -> bytes:
    return srpl.write(recorded_writes(plain))


def _brpl(plain: Any) -> bytes:
    table = SeriesTable()
    return brpl.write(batches(plain, table), table)
