"""What recordings and replays there are, and how each fares: a fold over the events of those two kinds.

The shapes of the events are in schemas.events. The buckets of the state:

`recordings`, by id, records of plain data:
    id, and all that its event `defined` says (see schemas.events.recording)
    sequence   of that event: it names what the recording holds in the object store
    date       ns since 1970
    status     "running", "finished" or "failed", with size and error
`replays`, by id, likewise, with
    started    sequence of the first `started`, 0: none yet; zero as that says
    attempts   how often it was started
    stats      once it has finished
`last`, by `<kind>/<id>`: sequence of the last event under this id, of deleted ones too; what a change must expect
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from schemas.events import recording, replay
from services.store.projection import State
from services.store.projections.tasks import Fact, Record

RECORDINGS, REPLAYS, LAST = "recordings", "replays", "last"
SUBJECTS = ("tickbus.event.recording.>", "tickbus.event.replay.>")
BUCKETS = {"recording": RECORDINGS, "replay": REPLAYS}

_SCHEMAS: dict[tuple[str, str], Schema] = {
    (kind, what): schema()
    for kind, schemas in (("recording", recording.SCHEMAS), ("replay", replay.SCHEMAS))
    for what, schema in schemas.items()
}


def fold(state: State, fact: Fact) -> None:
    """Take one fact in. ValueError where it is no event of these kinds, and nothing is changed."""
    schema = _SCHEMAS.get((fact.kind, fact.what))
    if schema is None:
        raise ValueError(f"no such event: {fact.kind} {fact.what}")
    try:
        data = schema.load(fact.data)
    except ValidationError as error:
        raise ValueError(f"{fact.kind} {fact.what} #{fact.seq}: {error}") from error
    state.put(LAST, f"{fact.kind}/{fact.id}", fact.seq)
    bucket = BUCKETS[fact.kind]
    record: Record | None = state.get(bucket, fact.id)
    if fact.what == "defined":
        if record is None:
            state.put(bucket, fact.id, _new(fact, data))
    elif record is not None and fact.what == "deleted":
        state.delete(bucket, fact.id)
    elif record is not None and record["status"] == "running":
        state.put(bucket, fact.id, record | _CHANGES[fact.what](record, fact, data))


def record_of(state: State, kind: str, id: str) -> Record | None:
    """The record of a `recording` or a `replay`, None where there is none."""
    record: Record | None = state.get(BUCKETS[kind], id)
    return record


def _new(fact: Fact, data: Record) -> Record:
    own = {"id": fact.id, "sequence": fact.seq, "date": fact.time_ns, "status": "running", "error": ""}
    if fact.kind == "recording":
        return {**data, **own, "size": 0}
    return {**data, **own, "started": 0, "zero": 0, "attempts": 0, "stats": {}}


def _started(record: Record, fact: Fact, data: Record) -> dict[str, Any]:
    again = {"attempts": record["attempts"] + 1}
    return again if record["started"] else again | {"started": fact.seq, "zero": data["zero"]}


def _finished(record: Record, fact: Fact, data: Record) -> dict[str, Any]:
    result = {"size": data["size"]} if fact.kind == "recording" else {"stats": data["stats"]}
    return {"status": "finished", **result}


def _failed(record: Record, fact: Fact, data: Record) -> dict[str, Any]:
    result = {"size": data["size"]} if fact.kind == "recording" else {}
    return {"status": "failed", "error": data["error"], **result}


_CHANGES: Mapping[str, Callable[[Record, Fact, Record], dict[str, Any]]] = {
    "started": _started,
    "finished": _finished,
    "failed": _failed,
}
