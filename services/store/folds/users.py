"""What users there are: a fold over the events of `user`, whose shapes are in schemas.events.user.

The buckets of the state:

`users`, by name: a UserRecord
`last_user`, by name: sequence of the last event under this name, of deleted users too; what a change must expect
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events import user
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.store.folds.event_data import data_of, schemas_of
from services.store.folds.state import State, flat

USERS, LAST = "users", "last_user"
SUBJECTS = ("tickbus.event.user.>",)


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user, as the last event says."""

    name: str
    admin: bool
    permissions: list[str]
    hash: str
    databases: list[str]
    sequence: EventsSeq
    """Of that event."""


RECORDS = {USERS: flat(UserRecord)}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = schemas_of(user.SCHEMAS)


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == "user" else None)
    state.put(LAST, event.id, event.seq)
    there = user_of(state, event.id) is not None
    if event.what == "deleted":
        state.delete(USERS, event.id)
    elif there == (event.what == "updated"):
        state.put(USERS, event.id, UserRecord(name=event.id, **data, sequence=event.seq))


def user_of(state: State, name: str) -> UserRecord | None:
    """The record of a user, None where there is none."""
    record: UserRecord | None = state.get(USERS, name)
    return record
