"""What users there are: a fold over the events of `user`, whose shapes are in schemas.events.user.

The buckets of the state:

`users`, by name, records of plain data:
    name
    admin, permissions, hash, databases   as the last event says
    sequence                              of that event
`last_user`, by name: sequence of the last event under this name, of deleted users too; what a change must expect
"""

from __future__ import annotations

from marshmallow import Schema, ValidationError

from schemas.events import user
from services.store.projection import State
from services.store.projections.tasks import Fact, Record

USERS, LAST = "users", "last_user"
SUBJECTS = ("tickbus.event.user.>",)

_SCHEMAS: dict[str, Schema] = {what: schema() for what, schema in user.SCHEMAS.items()}


def fold(state: State, fact: Fact) -> None:
    """Take one fact in. ValueError where it is no event of this kind, and nothing is changed."""
    schema = _SCHEMAS.get(fact.what) if fact.kind == "user" else None
    if schema is None:
        raise ValueError(f"no such event: {fact.kind} {fact.what}")
    try:
        data = schema.load(fact.data)
    except ValidationError as error:
        raise ValueError(f"{fact.kind} {fact.what} #{fact.seq}: {error}") from error
    state.put(LAST, fact.id, fact.seq)
    there = user_of(state, fact.id) is not None
    if fact.what == "deleted":
        state.delete(USERS, fact.id)
    elif there == (fact.what == "updated"):
        state.put(USERS, fact.id, {"name": fact.id, **data, "sequence": fact.seq})


def user_of(state: State, name: str) -> Record | None:
    """The record of a user, None where there is none."""
    record: Record | None = state.get(USERS, name)
    return record
