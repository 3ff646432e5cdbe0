"""What mutes there are: a fold over the events of `mute`, whose shapes are in schemas.events.oncall.mute.

The buckets of the state:

`mutes`, by id: a MuteRecord
`last_mute`, by id: sequence of the last event under this id, of forgotten mutes too; what a change must expect
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.events.oncall import mute
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.store.folds.event_data import Plain, data_of, schemas_of
from services.store.folds.state import State, flat

MUTES, LAST = "mutes", "last_mute"
SUBJECTS = ("tickbus.event.mute.>",)


@dataclass(frozen=True, slots=True)
class MuteRecord:
    """A mute, as its events say.

    matchers: name, value, is_regex and is_equal of each. handlers: ids or kinds; none: all. intervals: as
    services.alertlog.oncall.time_intervals reads them. since: from when on (ns) it says what it says of which alerts,
    which handlers and when.
    """

    id: str
    matchers: Sequence[Plain]
    handlers: Sequence[str]
    intervals: Sequence[Plain]
    since: int
    created: int
    created_by: str
    comment: str
    sequence: EventsSeq
    """Of the last event."""


RECORDS = {MUTES: flat(MuteRecord)}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = schemas_of(mute.SCHEMAS)


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == "mute" else None)
    state.put(LAST, event.id, event.seq)
    there = mute_of(state, event.id)
    if event.what == "deleted":
        state.delete(MUTES, event.id)
    elif (there is not None) == (event.what == "changed"):
        made = _record(event, data)
        if there is not None:
            same = (there.matchers, there.handlers, there.intervals) == (made.matchers, made.handlers, made.intervals)
            made = replace(made, created=there.created, since=there.since if same else made.since)
        state.put(MUTES, event.id, made)


def mute_of(state: State, id: str) -> MuteRecord | None:
    """The record of a mute, None where there is none."""
    record: MuteRecord | None = state.get(MUTES, id)
    return record


def mutes(state: State) -> Iterator[MuteRecord]:
    """All of them, in no particular order."""
    yield from state.bucket(MUTES).values()


def _record(event: Event, data: Plain) -> MuteRecord:
    return MuteRecord(
        id=event.id,
        matchers=[dict(matcher) for matcher in data["matchers"]],
        handlers=list(data["handlers"]),
        intervals=[dict(interval) for interval in data["intervals"]],
        since=event.time_ns,
        created=event.time_ns,
        created_by=data["created_by"],
        comment=data["comment"],
        sequence=event.seq,
    )
