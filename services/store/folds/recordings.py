"""What recorders are to do, and how it fares: a fold over the events about recordings, replays, traces and backtests.

The shapes of the events are in schemas.events. The buckets of the state:

`recordings`, by id: a RecordingRecord
`replays`, by id: a ReplayRecord
`traces`, `backtests`, by id: an InspectionRecord
`last`, by `<kind>/<id>`: sequence of the last event under this id, of deleted ones too; what a change must expect
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.events import recording, replay
from services.bus.events import Event
from services.bus.positions import EventsSeq, WritesSeq
from services.store.compaction import Gone
from services.store.folds import inspections
from services.store.folds.event_data import Plain, data_of, schemas_of
from services.store.folds.inspections import InspectionRecord
from services.store.folds.state import State, flat

RECORDINGS, REPLAYS, LAST = "recordings", "replays", "last"
BUCKETS = {"recording": RECORDINGS, "replay": REPLAYS, **inspections.KINDS}
"""By kind."""
SUBJECTS = tuple(f"tickbus.event.{kind}.>" for kind in BUCKETS)


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording: what its event `defined` says (see schemas.events.recording), and how it fares."""

    type: str
    source: str
    task: str
    task_type: str
    definition: Mapping[str, Any] | None
    """As TaskDefinition.from_plain takes it; None but for what a task's queries give."""
    dbrps: Sequence[Mapping[str, str]]
    measurements: Sequence[str] | None
    position: WritesSeq
    start: int
    """ns since 1970, as the other times."""
    stop: int
    query: str
    cluster: str
    object: str
    id: str
    sequence: EventsSeq
    """Of that event: it names what the recording holds in the object store."""
    date: int
    status: str
    """running, finished or failed."""
    error: str
    size: int


@dataclass(frozen=True, slots=True)
class ReplayRecord:
    """A replay: what its event `defined` or `defined-dry` says (see schemas.events.replay), and how it fares."""

    task: str
    source: str
    definition: Mapping[str, Any]
    """As TaskDefinition.from_plain takes it."""
    recording: str
    recording_sequence: EventsSeq
    recording_time: bool
    clock: str
    start: int
    """ns since 1970, as the other times."""
    stop: int
    query: str
    cluster: str
    id: str
    sequence: EventsSeq
    date: int
    status: str
    """running, finished or failed."""
    error: str
    started: EventsSeq
    """Of the first `started`, 0: none yet."""
    zero: int
    """As that says."""
    attempts: int
    """How often it was started."""
    stats: Mapping[str, Any]
    """Once it has finished."""
    side_effects: bool
    """Whether what the task wants done is done; otherwise it is kept, to be read."""


JobRecord = RecordingRecord | ReplayRecord | InspectionRecord
RECORDS = {
    RECORDINGS: flat(RecordingRecord),
    REPLAYS: flat(ReplayRecord),
    **{bucket: flat(InspectionRecord) for bucket in inspections.KINDS.values()},
}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = {
    "recording": schemas_of(recording.SCHEMAS),
    "replay": schemas_of(replay.SCHEMAS),
    **inspections.SCHEMAS,
}


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of these kinds, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.kind, {}).get(event.what))
    state.put(LAST, f"{event.kind}/{event.id}", event.seq)
    bucket = BUCKETS[event.kind]
    record: JobRecord | None = state.get(bucket, event.id)
    if event.what in ("defined", "defined-dry"):
        if record is None:
            state.put(bucket, event.id, _new(event, data))
    elif record is not None and event.what == "deleted":
        state.delete(bucket, event.id)
    elif record is not None and record.status == "running":
        state.put(bucket, event.id, replace(record, **_CHANGES[event.what](record, event, data)))


def forget(state: State, gone: Gone) -> None:
    """Let go of what is kept of a recording or the like that is no more, once nothing of it stands in the log."""
    key = f"{gone.kind}/{gone.id}"
    if gone.kind in BUCKETS and (state.get(LAST, key) or 0) <= gone.last:
        state.delete(LAST, key)


def recording_of(state: State, id: str) -> RecordingRecord | None:
    """The record of a recording, None where there is none."""
    record: RecordingRecord | None = state.get(RECORDINGS, id)
    return record


def replay_of(state: State, id: str) -> ReplayRecord | None:
    """The record of a replay, None where there is none."""
    record: ReplayRecord | None = state.get(REPLAYS, id)
    return record


def record_of(state: State, kind: str, id: str) -> JobRecord | None:
    """The record of a `recording`, `replay`, `trace` or `backtest`, None where there is none."""
    record: JobRecord | None = state.get(BUCKETS[kind], id)
    return record


def inspection_of(state: State, kind: str, id: str) -> InspectionRecord | None:
    """The record of a `trace` or a `backtest`, None where there is none."""
    record: InspectionRecord | None = state.get(inspections.KINDS[kind], id)
    return record


def _new(event: Event, data: Plain) -> JobRecord:
    if event.kind in inspections.KINDS:
        return inspections.new(event, data)
    own: dict[str, Any] = {"id": event.id, "sequence": event.seq, "date": event.time_ns}
    own |= {"status": "running", "error": ""}
    if event.kind == "recording":
        return RecordingRecord(**data, **own, size=0)
    fares: dict[str, Any] = {"started": EventsSeq(0), "zero": 0, "attempts": 0, "stats": {}}
    return ReplayRecord(**data, **own, **fares, side_effects=event.what == "defined")


def _started(record: Any, event: Event, data: Plain) -> dict[str, Any]:
    again = {"attempts": record.attempts + 1}
    return again if record.started else again | {"started": event.seq, "zero": data["zero"]}


def _finished(record: Any, event: Event, data: Plain) -> dict[str, Any]:
    if event.kind in inspections.KINDS:
        return inspections.ended(event, data)
    result = {"size": data["size"]} if event.kind == "recording" else {"stats": data["stats"]}
    return {"status": "finished", **result}


def _failed(record: Any, event: Event, data: Plain) -> dict[str, Any]:
    if event.kind in inspections.KINDS:
        return inspections.ended(event, data)
    result = {"size": data["size"]} if event.kind == "recording" else {}
    return {"status": "failed", "error": data["error"], **result}


_CHANGES: Mapping[str, Callable[[Any, Event, Plain], dict[str, Any]]] = {
    "started": _started,
    "finished": _finished,
    "failed": _failed,
}
