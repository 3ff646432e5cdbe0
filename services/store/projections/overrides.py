"""What is overridden of the configuration: a fold over the events of `config`, whose shapes are in
schemas.events.config.

The buckets of the state:

`overrides`, by id (`<section>` or `<section>/<element>`): {"create", "options"} of the last `overridden` not yet reset
`last_override`, by id: sequence of the last event under this id, of reset ones too; what a change must expect
"""

from __future__ import annotations

from marshmallow import ValidationError

from schemas.config.overriding import Override
from schemas.events.config import SCHEMAS
from services.store.projection import State
from services.store.projections.tasks import Fact, Record

OVERRIDES, LAST = "overrides", "last_override"
KIND = "config"
SUBJECTS = ("tickbus.event.config.>",)

_SCHEMAS = {what: schema() for what, schema in SCHEMAS.items()}


def fold(state: State, fact: Fact) -> None:
    """Take one fact in. ValueError where it is no event of this kind, and nothing is changed."""
    schema = _SCHEMAS.get(fact.what) if fact.kind == KIND else None
    if schema is None:
        raise ValueError(f"no such event: {fact.kind} {fact.what}")
    try:
        data: Record = schema.load(fact.data)
    except ValidationError as error:
        raise ValueError(f"{fact.kind} {fact.what} #{fact.seq}: {error}") from error
    state.put(LAST, fact.id, fact.seq)
    if fact.what == "overridden":
        state.put(OVERRIDES, fact.id, data)
    else:
        state.delete(OVERRIDES, fact.id)


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
