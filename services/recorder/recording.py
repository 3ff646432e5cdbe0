"""Making a recording: of the log, or of a file that somebody has brought."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from services import log as logs
from services.bus.connection import Bus
from services.bus.objects import Objects
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.recorder import srpl
from services.recorder.archive import Archive, Contents, Gathered
from services.recorder.progress import Progress
from services.recorder.selection import Selection

log = logs.get("recorder")

CHUNK_BYTES = 4 << 20
_SAVE_SECONDS = 30.0
_MAX_BYTES = 16 << 20  # of the log that wait here


class RecordingFailed(Exception):
    """It cannot be made; str() is its error."""


class RecordingJob:
    """One recording under way. What it has stored is found again by the next job, which goes on from there."""

    def __init__(self, bus: Bus, objects: Objects, record: Mapping[str, Any], chunk_bytes: int = CHUNK_BYTES) -> None:
        """record: as services.store.projections.recordings has it."""
        self._bus, self._objects, self._record = bus, objects, record
        self._chunk_bytes = chunk_bytes
        self._archive = Archive(objects, record["sequence"])
        self._contents = Contents()
        self._gathered = Gathered()
        self._saved = time.monotonic()
        self._progress = Progress()
        self._time: tuple[int, int] | None = None  # of the first point, and the latest one

    @property
    def size(self) -> int:
        """Bytes stored so far."""
        return self._contents.size

    @property
    def progress(self) -> float:
        """How much of the time from the first point to the stop has been recorded: 0 to 1."""
        first, latest = self._time or (0, 0)
        stop: int = self._record["stop"]
        return self._progress.shown((latest - first) / (stop - first) if stop > first else 0.0)

    async def run(self) -> None:
        """Until it is whole. Raises RecordingFailed, or BusError where the bus does not go along."""
        source = self._record["source"]
        self._contents = await self._archive.contents()
        if self._contents.chunks:
            first = min(chunk.first for chunk in self._contents.chunks)
            self._time = (first, max(chunk.last for chunk in self._contents.chunks))
        if source == "stream":
            await self._stream()
        elif source == "import":
            await self._import()
        elif source == "batch" and self._record["task_type"] != "batch":
            raise RecordingFailed("wrong task type")
        else:
            raise RecordingFailed("queries of InfluxDB are not recorded here")

    async def _stream(self) -> None:
        """Record the log until a point comes that is later than the stop."""
        record = self._record
        after = max(record["position"], self._contents.position)
        state = await self._bus.stream_state(WRITES)
        if state.first_seq > after + 1:
            lost = f"{after + 1} to {state.first_seq - 1}"
            raise RecordingFailed(f"the log no longer holds the writes {lost}, which the recording needs")
        subjects = sorted({write_subject(d["db"], d["rp"]) for d in record["dbrps"]})
        selection = Selection(record["measurements"], record["stop"])
        async with self._bus.follow(WRITES, subjects, after, max_bytes=_MAX_BYTES) as follower:
            waiting: asyncio.Task[Any] | None = None
            try:
                while True:
                    waiting = waiting or asyncio.create_task(follower.batch())
                    await asyncio.wait([waiting], timeout=_SAVE_SECONDS)
                    if waiting.done():
                        messages = waiting.result()
                        waiting = None
                        taken = selection.take(messages)
                        if taken.records:
                            times = taken.times
                            first, last = int(times.min()), int(times.max())
                            self._gathered.add(taken.records, len(times), first, last)
                            earliest = self._time[0] if self._time else int(times[0])
                            self._time = (earliest, max(last, self._time[1]) if self._time else last)
                        if taken.ended:
                            await self._save(messages[-1].seq)
                            return
                    await self._save_if_due(follower.position)
            finally:
                if waiting is not None:
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)

    async def _import(self) -> None:
        """Take up a file. It is read anew from its beginning if that was interrupted."""
        data = await self._objects.get(self._record["object"])
        if data is None:
            raise RecordingFailed("the file to be imported is not there any more")
        self._contents = Contents()
        chunks = srpl.read(data, self._chunk_bytes)
        try:
            while (gathered := await asyncio.to_thread(next, chunks, None)) is not None:
                self._contents = await self._archive.add(self._contents, gathered, 0)
        except srpl.BadFile as error:
            raise RecordingFailed(str(error)) from error

    async def _save_if_due(self, position: int) -> None:
        late = time.monotonic() - self._saved > _SAVE_SECONDS and self._gathered.records
        if self._gathered.bytes >= self._chunk_bytes or late:
            await self._save(position)

    async def _save(self, position: int) -> None:
        gathered, self._gathered = self._gathered, Gathered()
        self._contents = await self._archive.add(self._contents, gathered, position)
        self._saved = time.monotonic()
