"""The fold of users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from services.store.folds.state import State
from services.store.folds.users import LAST, RECORDS, USERS, fold, user_of


@dataclass
class Fact:
    kind: str
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    time_ns: int = 7


BOB = {"admin": False, "permissions": ["api"], "hash": "$2b$"}


def stored(state: State) -> Any:
    return RECORDS[USERS].to_plain(user_of(state, "bob"))


def test_a_user_is_what_the_last_event_says() -> None:
    state = State()
    fold(state, Fact("user", "bob", "defined", BOB, 5))
    assert stored(state) == BOB | {"name": "bob", "databases": [], "sequence": 5}
    fold(state, Fact("user", "bob", "defined", BOB | {"admin": True}, 6))
    assert stored(state) == BOB | {"name": "bob", "databases": [], "sequence": 5}
    fold(state, Fact("user", "bob", "updated", BOB | {"admin": True}, 7))
    assert stored(state) == BOB | {"name": "bob", "databases": [], "sequence": 7, "admin": True}
    fold(state, Fact("user", "bob", "deleted", {}, 8))
    fold(state, Fact("user", "bob", "updated", BOB, 9))
    assert user_of(state, "bob") is None
    assert state.get(LAST, "bob") == 9


@pytest.mark.parametrize(
    ("kind", "what", "data"),
    [
        ("user", "odd", {}),
        ("user", "defined", {}),
        ("user", "updated", BOB | {"permissions": ["x"]}),
        ("x", "defined", BOB),
    ],
)
def test_what_is_no_such_event_changes_nothing(kind: str, what: str, data: dict[str, Any]) -> None:
    state = State()
    with pytest.raises(ValueError):
        fold(state, Fact(kind, "a", what, data, 5))
    assert state.get(LAST, "a") is None
