"""What a fold changes is told once per key, and not at all where it fails."""

from __future__ import annotations

import pytest

from services.store.folds.state import Change, State


def put(state: State, event: dict[str, int | None]) -> None:
    """Each key becomes its value; None deletes it, and a negative number fails."""
    for key, value in event.items():
        if value is None:
            state.delete("b", key)
        else:
            state.put("b", key, value)
            if value < 0:
                raise ValueError("negative")


def test_an_event_changes_each_key_once() -> None:
    def twice(state: State, event: int) -> None:
        state.put("b", "k", event)
        state.put("b", "k", event + 1)

    state = State({"b": [("k", 1)]})
    assert state.take(twice, 5, 7) == [Change("b", "k", 1, 6, 7)]
    assert state.take(put, {"k": None, "gone": None}, 8) == [Change("b", "k", 6, None, 8)]


def test_an_event_that_the_fold_fails_on_changes_nothing() -> None:
    state = State({"b": [("k", 1), ("left", 2)]})
    with pytest.raises(ValueError, match="negative"):
        state.take(put, {"k": 3, "left": None, "new": -1}, 7)
    assert state.bucket("b") == {"k": 1, "left": 2}
    assert state.take(put, {"k": 4}, 8) == [Change("b", "k", 1, 4, 8)], "what was taken back is not told later"


def test_differences_to_another_state() -> None:
    before = State({"b": [("gone", 1), ("same", 2), ("other", 3)], "old": [("k", 1)]})
    after = State({"b": [("same", 2), ("other", 4)], "young": [("k", 1)]})
    assert after.differences(before, 9) == [
        Change("b", "gone", 1, None, 9),
        Change("b", "other", 3, 4, 9),
        Change("old", "k", 1, None, 9),
        Change("young", "k", None, 1, 9),
    ]


def test_none_is_no_value() -> None:
    with pytest.raises(ValueError, match="delete the key"):
        State().put("b", "k", None)
