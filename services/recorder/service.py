"""The recorder: takes up recordings and replays that nobody works on, and answers what is asked about those it has."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any

import orjson

from services import log as logs
from services.bus.ask import Answering
from services.bus.claims import TTL_SECONDS, Claim
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.events import Event, decode
from services.bus.kv import Bucket
from services.bus.streams import EVENTS
from services.bus.subjects import ask_subject
from services.engine.outbox import Standing
from services.engine.series import SeriesTable
from services.recorder import brpl, facts, srpl
from services.recorder.archive import Archive, records
from services.recorder.batches import batches
from services.recorder.recording import RecordingFailed, RecordingJob
from services.recorder.replay import ReplayFailed, ReplayJob
from services.recorder.settling import handled
from services.recorder.workshop import Workshop
from services.store.effective import Effective
from services.store.projection import Change, Projection
from services.store.projections import overrides
from services.store.projections import recordings as fold
from services.store.projections.with_overrides import with_overrides
from services.store.store import Store

log = logs.get("recorder")

QUEUE = "recorder"
CLAIMS = "tickbus-recorder"
"""The bucket for claims."""
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_FILE_NS = 3600 * 10**9  # after which a file that no recording is made of is dropped

Record = Mapping[str, Any]
Key = tuple[str, int]  # kind, and the sequence of the event that defined it


class Recorder:
    """Use as an async context manager: it knows all that is to be done when it begins, and has let go when it ends.

    Any number of recorders may share the work; each piece has one of them at a time (see services.bus.claims).
    """

    def __init__(self, bus: Bus, store: Store, claims: Bucket, shop: Workshop, name: str, effective: Effective) -> None:
        """effective: the configuration, which is to follow the log."""
        self._effective = effective
        self._bus, self._claims, self._shop, self._name = bus, claims, shop, name
        self._projection: Projection[Event] = Projection(store, with_overrides(fold.fold), EVENTS)
        self._work: dict[Key, asyncio.Task[None]] = {}
        self._later: dict[Key, float] = {}
        self._more: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._answering: list[Answering] = []
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Recorder:
        self._projection.on_change(self._changed)
        await self._projection.start(self._bus, [*fold.SUBJECTS, *overrides.SUBJECTS], decode)
        self._effective.follow(self._projection)
        self._answering = [
            self._bus.answer(ask_subject("recorder", "list"), self._list, QUEUE),
            self._bus.answer(ask_subject("recorder", "export"), self._export, QUEUE),
        ]
        self._looking = asyncio.create_task(self._look())
        self._spawn(self._sweep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._answering:
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

    async def _look(self) -> None:
        """Take up what nobody works on, again and again."""
        while True:
            self._wake.clear()
            for kind, bucket in fold.BUCKETS.items():
                for record in list(self._projection.state.bucket(bucket).values()):
                    key = (kind, record["sequence"])
                    free = record["status"] == "running" and key not in self._work
                    if free and self._later.get(key, 0.0) <= time.monotonic():
                        self._later.pop(key, None)
                        self._begin(kind, record)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)

    def _begin(self, kind: str, record: Record) -> None:
        key = (kind, record["sequence"])
        task = self._work[key] = asyncio.create_task(self._take_up(kind, record))

        def done(task: asyncio.Task[None]) -> None:
            if self._work.get(key) is task:
                del self._work[key]

        task.add_done_callback(done)

    async def _take_up(self, kind: str, record: Record) -> None:
        """Work on one recording or replay if nobody else does. Whatever fails here must not end the recorder."""
        key = (kind, record["sequence"])
        try:
            claim = await Claim.take(self._claims, f"{kind}/{record['sequence']}", self._name)
            if claim is None:
                self._later[key] = time.monotonic() + TTL_SECONDS / 2
                return
            await self._under(claim, kind, record["id"])
        except facts.Overtaken:
            self._later[key] = time.monotonic() + _RETRY_SECONDS
        except BusError as error:
            log.warn("interrupted, to be taken up again", kind=kind, id=record["id"], err=error)
            self._later[key] = time.monotonic() + _RETRY_SECONDS
        except Exception as error:
            log.exception("work broke off", error, kind=kind, id=record["id"])
            self._later[key] = time.monotonic() + TTL_SECONDS

    async def _under(self, claim: Claim, kind: str, id: str) -> None:
        """Work for as long as the claim is held."""
        # another recorder may have said something since this one last looked
        subject = f"tickbus.event.{kind}.>"
        await self._projection.reached(await self._bus.last_subject_sequence(subject))
        record = fold.record_of(self._projection.state, kind, id)
        keeping = asyncio.create_task(claim.keep())
        try:
            if record is None or record["status"] != "running":
                return
            run = self._record(record) if kind == "recording" else self._replay(record, claim)
            working = asyncio.create_task(run)
            try:
                await asyncio.wait([working, keeping], return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await claim.release()

    async def _record(self, record: Record) -> None:
        job = RecordingJob(self._bus, self._shop, record)
        id = record["id"]

        async def progress(data: bytes, headers: Mapping[str, str]) -> bytes:
            return orjson.dumps({"progress": job.progress, "size": job.size})

        with self._answer("recording", id, progress):
            what, data = "finished", dict[str, Any]()
            try:
                await job.run()
            except RecordingFailed as error:
                what, data = "failed", {"error": str(error)}
            except (BusError, facts.Overtaken):
                raise
            except Exception as error:
                log.exception("a recording broke", error, id=id)
                what, data = "failed", {"error": f"internal error: {type(error).__name__}: {error}"}
        await self._say("recording", id, what, {**data, "size": job.size})
        if record["object"]:
            await self._shop.objects.delete(record["object"])

    async def _replay(self, record: Record, claim: Claim) -> None:
        id, task = record["id"], record["task"]
        gone = False

        def standing() -> Standing:
            if gone or claim.lost.is_set():
                return Standing.LOST
            return Standing.HELD if claim.held else Standing.UNSURE

        async def announce(zero: int, alerts: list[dict[str, Any]]) -> int:
            told = {"task": task, "worker": self._name, "zero": zero, "alerts": alerts}
            seq = await self._say("replay", id, "started", told)
            return record["started"] or seq

        recording = fold.record_of(self._projection.state, "recording", record["recording"])
        job = ReplayJob(self._shop, record, recording, standing, announce)

        async def progress(data: bytes, headers: Mapping[str, str]) -> bytes:
            return orjson.dumps({"progress": job.progress, "stats": job.statistics()})

        try:
            with self._answer("replay", id, progress):
                data: dict[str, Any]
                try:
                    what, data = "finished", {"stats": await job.run()}
                except ReplayFailed as error:
                    what, data = "failed", {"error": str(error)}
                except (BusError, facts.Overtaken):
                    raise
                except Exception as error:
                    log.exception("a replay broke", error, id=id)
                    what, data = "failed", {"error": f"internal error: {type(error).__name__}: {error}"}
                await self._shop.outbox.sent()
                if job.alerted:
                    await handled(self._bus, f"{id}:{task}", self._shop.patience)
            await self._say("replay", id, what, {**data, "task": task})
        finally:
            gone = True

    @contextlib.contextmanager
    def _answer(self, kind: str, id: str, handler: Any) -> Any:
        answering = self._bus.answer(ask_subject(kind, "progress", id), handler)
        try:
            yield
        finally:
            answering.stop()

    async def _say(self, kind: str, id: str, what: str, data: Record) -> int:
        last = self._projection.state.get(fold.LAST, f"{kind}/{id}") or 0
        seq = await facts.say(self._bus, self._name, kind, id, what, data, last)
        await self._projection.reached(seq)
        return seq

    def _changed(self, changes: Sequence[Change]) -> None:
        self._wake.set()
        for change in changes:
            before, kind = change.before, "recording" if change.bucket == fold.RECORDINGS else "replay"
            if change.bucket not in (fold.RECORDINGS, fold.REPLAYS) or before is None:
                continue
            if change.after is None or change.after["sequence"] != before["sequence"]:
                self._spawn(self._end(kind, before))

    async def _end(self, kind: str, record: Record) -> None:
        """Stop what was deleted, and forget what it has stored."""
        working = self._work.get((kind, record["sequence"]))
        if working is not None:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        if kind == "recording":
            await self._drop(record["sequence"], record["object"])

    async def _drop(self, sequence: int, object: str) -> None:
        while True:
            try:
                await Archive(self._shop.objects, sequence).delete()
                if object:
                    await self._shop.objects.delete(object)
                return
            except (BusError, ValueError) as error:
                log.limited("drop").warn("a deleted recording cannot be dropped yet", err=error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _sweep(self) -> None:
        """Drop what is stored of recordings that were deleted while no recorder ran."""
        with contextlib.suppress(BusError):
            records = self._projection.state.bucket(fold.RECORDINGS).values()
            known = {str(r["sequence"]) for r in records}
            files = {r["object"] for r in records if r["status"] == "running"}
            until = self._projection.position
            for info in await self._shop.objects.list():
                owner = info.name.partition("/")[0]
                if owner.isdigit():
                    left = int(owner) <= until and owner not in known
                else:
                    # a file is there a moment before the recording that is to be made of it
                    left = info.name not in files and time.time_ns() - info.time_ns > _FILE_NS
                if left:
                    await self._shop.objects.delete(info.name)

    async def _list(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """How many query nodes a recording of batches is of, and for each chunk which of them it is of."""
        contents = await Archive(self._shop.objects, int(orjson.loads(data)["sequence"])).contents()
        return orjson.dumps({"streams": contents.streams, "chunks": [chunk.seq for chunk in contents.chunks]})

    async def _export(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """A chunk of a recording as a part of a file; nothing behind the last one."""
        question = orjson.loads(data)
        archive = Archive(self._shop.objects, int(question["sequence"]))
        number = int(question["chunk"])
        contents = await archive.contents()
        if number >= len(contents.chunks):
            return b""
        return await archive.chunk(number, _srpl if not contents.streams else _brpl)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._more.add(task)
        task.add_done_callback(self._more.discard)


def _srpl(plain: Any) -> bytes:
    return srpl.write(records(plain))


def _brpl(plain: Any) -> bytes:
    table = SeriesTable()
    return brpl.write(batches(plain, table), table)
