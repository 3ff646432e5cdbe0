"""What silences there are: a fold over the events of `silence`, whose shapes are in schemas.events.silence.

The buckets of the state:

`silences`, by id: a SilenceRecord
`last_silence`, by id: sequence of the last event under this id, of forgotten silences too; what a change must expect
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.events import silence
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.store.folds.event_data import Plain, data_of, schemas_of
from services.store.folds.state import State, flat

SILENCES, LAST = "silences", "last_silence"
SUBJECTS = ("tickbus.event.silence.>",)


@dataclass(frozen=True, slots=True)
class SilenceRecord:
    """A silence, as its events say. Times: ns since 1970; it counts from `start` until before `end`.

    matchers: name, value, is_regex and is_equal of each.
    """

    id: str
    matchers: Sequence[Plain]
    start: int
    end: int
    created: int
    created_by: str
    comment: str
    sequence: EventsSeq
    """Of the last event."""

    def covers(self, time_ns: int) -> bool:
        """Whether it lasts at this time."""
        return self.start <= time_ns < self.end


RECORDS = {SILENCES: flat(SilenceRecord)}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = schemas_of(silence.SCHEMAS)


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == "silence" else None)
    state.put(LAST, event.id, event.seq)
    there = silence_of(state, event.id)
    if event.what == "deleted":
        state.delete(SILENCES, event.id)
    elif event.what == "expired":
        if there is not None:
            end = min(there.end, data["end"])
            state.put(SILENCES, event.id, replace(there, start=min(there.start, end), end=end, sequence=event.seq))
    elif (there is not None) == (event.what == "changed"):
        created = event.time_ns if there is None else there.created
        state.put(SILENCES, event.id, _record(event, created, data))


def silence_of(state: State, id: str) -> SilenceRecord | None:
    """The record of a silence, None where there is none."""
    record: SilenceRecord | None = state.get(SILENCES, id)
    return record


def silences(state: State) -> Iterator[SilenceRecord]:
    """All of them, in no particular order."""
    yield from state.bucket(SILENCES).values()


def _record(event: Event, created: int, data: dict[str, Any]) -> SilenceRecord:
    return SilenceRecord(
        id=event.id,
        matchers=[dict(matcher) for matcher in data["matchers"]],
        start=data["start"],
        end=data["end"],
        created=created,
        created_by=data["created_by"],
        comment=data["comment"],
        sequence=event.seq,
    )
