"""The fold of silences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from services.store.folds.silences import LAST, RECORDS, SILENCES, fold, silence_of, silences
from services.store.folds.state import State


@dataclass
class Fact:
    kind: str
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    time_ns: int = 7


MATCHER = {"name": "host", "value": "a", "is-regex": False, "is-equal": True}
MADE = {"matchers": [MATCHER], "start": 10, "end": 20, "created-by": "me", "comment": "why"}


def test_a_silence_is_what_the_last_event_says() -> None:
    state = State()
    fold(state, Fact("silence", "s", "created", MADE, 5))
    record = silence_of(state, "s")
    assert record is not None and RECORDS[SILENCES].from_plain(RECORDS[SILENCES].to_plain(record)) == record
    assert (record.start, record.end, record.created, record.created_by, record.sequence) == (10, 20, 7, "me", 5)
    assert record.matchers == [{"name": "host", "value": "a", "is_regex": False, "is_equal": True}]
    assert [record.covers(time) for time in (9, 10, 19, 20)] == [False, True, True, False]
    fold(state, Fact("silence", "s", "created", MADE | {"end": 99}, 6))
    fold(state, Fact("silence", "s", "changed", MADE | {"end": 30}, 7, 8))
    record = silence_of(state, "s")
    assert record is not None and (record.end, record.created, record.sequence) == (30, 7, 7)
    fold(state, Fact("silence", "s", "expired", {"end": 15}, 8))
    fold(state, Fact("silence", "s", "expired", {"end": 25}, 9))
    record = silence_of(state, "s")
    assert record is not None and record.end == 15
    fold(state, Fact("silence", "s", "deleted", {}, 10))
    fold(state, Fact("silence", "s", "changed", MADE, 11))
    fold(state, Fact("silence", "s", "expired", {"end": 12}, 12))
    assert silence_of(state, "s") is None and not list(silences(state))
    assert state.get(LAST, "s") == 12


def test_one_that_ends_before_it_began_never_counts() -> None:
    state = State()
    fold(state, Fact("silence", "s", "created", MADE, 5))
    fold(state, Fact("silence", "s", "expired", {"end": 3}, 6))
    record = silence_of(state, "s")
    assert record is not None and (record.start, record.end) == (3, 3)


@pytest.mark.parametrize(
    ("kind", "what", "data"),
    [
        ("silence", "odd", {}),
        ("silence", "created", {}),
        ("silence", "created", MADE | {"matchers": []}),
        ("silence", "created", MADE | {"matchers": [{"name": "a"}]}),
        ("silence", "changed", MADE | {"end": 1 << 63}),
        ("silence", "expired", {}),
        ("user", "created", MADE),
    ],
)
def test_what_is_no_such_event(kind: str, what: str, data: dict[str, Any]) -> None:
    state = State()
    with pytest.raises(ValueError):
        state.take(fold, Fact(kind, "s", what, data, 5), 5)
    assert silence_of(state, "s") is None and state.get(LAST, "s") is None
