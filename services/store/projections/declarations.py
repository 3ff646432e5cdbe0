"""What load directories declare: a fold over the events of the kind `load`, whose shapes are in schemas.events.load.

The buckets of the state:

`declared`, by id: {"kind", "name", "file"} of the last `declared` that was not withdrawn
`last`, by id: sequence of the last event under this id, of withdrawn ones too; what a change must expect
"""

from __future__ import annotations

from marshmallow import ValidationError

from schemas.events.load import SCHEMAS
from services.store.projection import State
from services.store.projections.tasks import Fact, Record

DECLARED, LAST = "declared", "last"
SUBJECTS = ("tickbus.event.load.>",)

_SCHEMAS = {what: schema() for what, schema in SCHEMAS.items()}


def fold(state: State, fact: Fact) -> None:
    """Take one fact in. ValueError where it is no event of this kind, and nothing is changed."""
    schema = _SCHEMAS.get(fact.what)
    if fact.kind != "load" or schema is None:
        raise ValueError(f"no such event: {fact.kind} {fact.what}")
    try:
        data: Record = schema.load(fact.data)
    except ValidationError as error:
        raise ValueError(f"load {fact.what} #{fact.seq}: {error}") from error
    state.put(LAST, fact.id, fact.seq)
    if fact.what == "declared":
        state.put(DECLARED, fact.id, data)
    else:
        state.delete(DECLARED, fact.id)
