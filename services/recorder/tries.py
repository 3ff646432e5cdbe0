"""How often recorders have died in a recording, a replay or the like: what ends them again and again fails instead."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from services.bus.buckets.suspects import TRIES, Suspect, Suspects
from services.bus.errors import BusError
from services.process import log as logs
from services.process.flight_recorder import RecordedWork
from services.recorder.replay.replay_driver import REPLAY
from services.store.folds.inspections import InspectionRecord
from services.store.folds.recordings import JobRecord, RecordingRecord, ReplayRecord

log = logs.get("recorder")

_REPLAY_TRIES = 2  # fewer than a replay has attempts: others that ran beside it have to come through
_SOUND_SECONDS = 60.0  # after which a recording that is under way is no danger


async def verdict(suspects: Suspects, kind: str, record: JobRecord, by: str) -> str:
    """Why one is not to be tried again, "" where it may be. Raises BusError. by: this process, which has not died."""
    suspect = await suspects.of(kind, record.id)
    if suspect is None or suspect.what.get("run") != _run(record) or suspect.by == by:
        return ""
    if suspect.hung:
        return "a step took longer than the step-limit in [engine], and was ended with its recorder"
    if suspect.deaths >= (_REPLAY_TRIES if kind == REPLAY else TRIES):
        return f"its recorder died in it, {suspect.deaths} times in a row"
    return ""


async def forget(suspects: Suspects, kind: str, record: JobRecord) -> None:
    """It has ended. Raises BusError."""
    suspect = await suspects.of(kind, record.id)
    if suspect is not None:
        await suspects.clear(suspect)


@contextlib.asynccontextmanager
async def counted(
    suspects: Suspects, record: RecordingRecord | InspectionRecord, size: int, by: str
) -> AsyncIterator[None]:
    """Count that one is begun, until it is left in order, or gets on: those deaths count that came at the same `size`
    of what is stored. A recording that goes well for long is no danger either. Raises BusError.

    What is done for a recording is done in threads and waits for others: no note can tell of it. by: this process, in
    which it counts once, though the bus may have gone away in the middle of it.
    """
    kind = record.kind if isinstance(record, InspectionRecord) else "recording"
    what = {"kind": kind, "id": record.id, "run": _run(record)}
    suspect = await suspects.of(kind, record.id)
    if suspect is None or suspect.by != by or suspect.what != what:
        suspect = await suspects.add(RecordedWork(what, size, size), False, by)
    # what a recording waits for may come when it likes; the others work all the time
    sound = [asyncio.create_task(_later(suspects, suspect))] if isinstance(record, RecordingRecord) else []
    try:
        yield
    finally:
        for waiting in sound:
            waiting.cancel()
        await asyncio.gather(*sound, return_exceptions=True)
        with contextlib.suppress(BusError):
            await suspects.clear(suspect)


async def _later(suspects: Suspects, suspect: Suspect) -> None:
    await asyncio.sleep(_SOUND_SECONDS)
    try:
        await suspects.clear(suspect)
    except BusError as error:
        log.warn("a recording stays suspected, which goes on", id=suspect.what["id"], err=error)


def _run(record: JobRecord) -> int:
    return record.started if isinstance(record, ReplayRecord) else record.sequence
