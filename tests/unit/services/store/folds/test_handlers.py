"""The fold of topic handlers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from services.store.folds.handlers import (
    LAST,
    RECORDS,
    TOPICS,
    VOID,
    all_of,
    fold,
    handler_of,
    handlers_of,
    name_of,
)
from services.store.folds.state import State


@dataclass
class Fact:
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    kind: str = "handler"
    time_ns: int = 7


def spec(**more: Any) -> dict[str, Any]:
    return {"kind": "tcp", "options": {"address": "a:1"}, "match": "", "position": 3, **more}


def defined(state: State, id: str, seq: int, topic: str = "t", **more: Any) -> None:
    fold(state, Fact(name_of(topic, id), "defined", spec(**more), seq))


def ids(state: State, topic: str = "t") -> list[str]:
    return [one.id for one in handlers_of(state, topic)]


def test_a_handler_from_its_definition_to_its_end() -> None:
    state = State()
    defined(state, "b", 5)
    defined(state, "a", 6, options=None)
    defined(state, "a", 7, topic="main:t:alert2")
    assert RECORDS[TOPICS].to_plain(state.get(TOPICS, "t"))["handlers"][0] == {
        "id": "b",
        **spec(),
        "sequence": 5,
        "began": 7,
        "ended": 0,
        "ended_position": 0,
    }
    assert (ids(state), ids(state, "main:t:alert2"), ids(state, "none")) == (["a", "b"], ["a"], [])
    fold(state, Fact("t/b", "updated", spec(kind="log", position=8), 9))
    changed = handler_of(state, "t", "b")
    assert changed is not None and (changed.kind, changed.sequence) == ("log", 9)
    fold(state, Fact("t/b", "deleted", {"position": 10}, 11))
    assert handler_of(state, "t", "b") is None and ids(state) == ["a"]
    assert [(h.sequence, h.ended, h.ended_position) for h in all_of(state, "t")] == [
        (5, 9, 8),
        (6, 0, 0),
        (9, 11, 10),
    ]
    assert (state.get(LAST, "t/b"), state.get(TOPICS, "t").last) == (11, 11)
    assert not state.bucket(VOID)


def test_a_rename_counts_only_on_what_it_was_decided_on() -> None:
    state = State()
    defined(state, "a", 5)
    defined(state, "b", 6)
    for seq, (new, was, was_sequence) in enumerate([("c", "a", 4), ("b", "a", 5), ("c", "x", 5)], 7):
        fold(state, Fact(f"t/{new}", "updated", spec(was=was, **{"was-sequence": was_sequence}), seq))
        assert ids(state) == ["a", "b"] and state.get(VOID, str(seq))
    fold(state, Fact("t/c", "updated", spec(was="a", **{"was-sequence": 5}), 10))
    assert ids(state) == ["b", "c"] and state.get(VOID, "10") is None


def test_what_does_not_fit_is_left_aside() -> None:
    state = State()
    defined(state, "a", 5)
    defined(state, "a", 6, kind="log")
    fold(state, Fact("t/b", "updated", spec(), 7))
    fold(state, Fact("t/b", "deleted", {"position": 0}, 8))
    assert {int(seq) for seq in state.bucket(VOID)} == {6, 7, 8}
    record = handler_of(state, "t", "a")
    assert record is not None and record.kind == "tcp"
    assert state.get(TOPICS, "t").last == 5 and state.get(LAST, "t/b") == 8


def test_only_the_last_of_those_that_have_ended_are_known() -> None:
    state = State()
    defined(state, "stays", 1)
    for seq in range(2, 202, 2):
        defined(state, "a", seq)
        fold(state, Fact("t/a", "deleted", {"position": 0}, seq + 1))
    known = all_of(state, "t")
    assert len(known) == 33 and known[0].id == "stays" and known[-1].ended == 201
    assert known[1].ended == 201 - 2 * 31


@pytest.mark.parametrize(
    "fact",
    [
        Fact("t/a", "odd", {}, 5),
        Fact("t", "defined", spec(), 5),
        Fact("t/a", "defined", {"kind": "tcp"}, 5),
        Fact("t/a", "deleted", {}, 5),
        Fact("t/a", "defined", spec(), 5, kind="task"),
    ],
)
def test_what_is_no_such_event_changes_nothing(fact: Fact) -> None:
    state = State()
    with pytest.raises(ValueError, match=fact.kind):
        fold(state, fact)
    assert not state.bucket(LAST) and not state.bucket(TOPICS)
