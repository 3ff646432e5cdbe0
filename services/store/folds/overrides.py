"""What is overridden of the configuration: a fold over the events of `config`, whose shapes are in
schemas.events.config.

The buckets of the state:

`overrides`, by id (`<section>` or `<section>/<element>`): {"create", "options"} of the last `overridden` not yet reset
`last_override`, by id: sequence of the last event under this id, of reset ones too; what a change must expect
"""

from __future__ import annotations

from schemas.config.overriding import Override
from schemas.events.config import SCHEMAS
from services.bus.events import Event
from services.store.folds.event_data import data_of, schemas_of
from services.store.folds.state import State

OVERRIDES, LAST = "overrides", "last_override"
KIND = "config"
SUBJECTS = ("tickbus.event.config.>",)

_SCHEMAS = schemas_of(SCHEMAS)


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == KIND else None)
    state.put(LAST, event.id, event.seq)
    if event.what == "overridden":
        state.put(OVERRIDES, event.id, data)
    else:
        state.delete(OVERRIDES, event.id)


def id_of(section: str, element: str) -> str:
    """The id of an element's override. element: "" of a section that stands once."""
    return f"{section}/{element}" if element else section


def overrides_of(state: State) -> list[Override]:
    """All that is overridden, in the order of the ids."""
    found = []
    for id, record in sorted(state.bucket(OVERRIDES).items()):
        section, _, element = id.partition("/")
        found.append(Override(section, element, record["create"], record["options"]))
    return found
