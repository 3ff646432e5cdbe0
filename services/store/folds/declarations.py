"""What load directories declare: a fold over the events of the kind `load`, whose shapes are in schemas.events.load.

The buckets of the state:

`declared`, by id: {"kind", "name", "file"} of the last `declared` that was not withdrawn
`last`, by id: sequence of the last event under this id, of withdrawn ones too; what a change must expect
"""

from __future__ import annotations

from schemas.events.load import SCHEMAS
from services.bus.events import Event
from services.store.folds.event_data import data_of, schemas_of
from services.store.folds.state import State

DECLARED, LAST = "declared", "last"
SUBJECTS = ("tickbus.event.load.>",)

_SCHEMAS = schemas_of(SCHEMAS)


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == "load" else None)
    state.put(LAST, event.id, event.seq)
    if event.what == "declared":
        state.put(DECLARED, event.id, data)
    else:
        state.delete(DECLARED, event.id)
