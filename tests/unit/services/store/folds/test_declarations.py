"""The fold of what load directories declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from services.store.folds.declarations import DECLARED, LAST, fold
from services.store.folds.state import State


@dataclass
class Fact:
    kind: str
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    time_ns: int = 7


DECLARATION = {"kind": "task", "name": "x", "file": "tasks/x.tick"}


def test_what_is_declared_is_kept_until_it_is_withdrawn() -> None:
    state = State()
    fold(state, Fact("load", "task/x", "declared", DECLARATION, 3))
    moved = DECLARATION | {"file": "tasks/x.yaml"}
    fold(state, Fact("load", "task/x", "declared", moved, 4))
    assert dict(state.bucket(DECLARED)) == {"task/x": moved}
    fold(state, Fact("load", "task/x", "withdrawn", {}, 5))
    assert dict(state.bucket(DECLARED)) == {}
    assert state.get(LAST, "task/x") == 5


@pytest.mark.parametrize(
    "fact",
    [
        Fact("load", "task/x", "loaded", DECLARATION, 1),
        Fact("task", "task/x", "declared", DECLARATION, 1),
        Fact("load", "task/x", "declared", {"kind": "task", "name": "x"}, 1),
        Fact("load", "task/x", "declared", DECLARATION | {"kind": "config"}, 1),
    ],
)
def test_what_is_none_of_it_is_refused(fact: Fact) -> None:
    state = State()
    with pytest.raises(ValueError):
        fold(state, fact)
    assert state.get(LAST, "task/x") is None
