"""When topics' alerts flap: a fold over the events of `flapping`, whose shapes are in schemas.events.oncall.flapping.

The buckets of the state:

`flapping`, by topic: a FlappingRecord
`last_flapping`, by topic: sequence of the last event under this topic; what a change must expect
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.oncall import flapping
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.store.folds.event_data import data_of, schemas_of
from services.store.folds.state import State, flat

FLAPPING, LAST = "flapping", "last_flapping"
SUBJECTS = ("tickbus.event.flapping.>",)


@dataclass(frozen=True, slots=True)
class FlappingRecord:
    """When an alert flaps, see schemas.events.oncall.flapping. window: ns. since: ns, when that was said."""

    window: int
    low: float
    high: float
    since: int
    sequence: EventsSeq
    """Of the event."""


RECORDS = {FLAPPING: flat(FlappingRecord)}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = schemas_of(flapping.SCHEMAS)


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == "flapping" else None)
    state.put(LAST, event.id, event.seq)
    if event.what == "withdrawn":
        state.delete(FLAPPING, event.id)
    elif data["window"] > 0:
        record = FlappingRecord(data["window"], data["low"], data["high"], event.time_ns, event.seq)
        state.put(FLAPPING, event.id, record)


def flapping_of(state: State, topic: str) -> FlappingRecord | None:
    """When a topic's alerts flap, None where nothing is said of it."""
    record: FlappingRecord | None = state.get(FLAPPING, topic)
    return record
