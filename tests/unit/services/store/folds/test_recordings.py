"""The fold of recordings and replays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.store.folds.recordings import LAST, fold, record_of, recording_of, replay_of
from services.store.folds.state import State


@dataclass
class Fact:
    kind: str
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    time_ns: int = 7


REPLAY = {
    "task": "t",
    "source": "recording",
    "definition": {"type": "stream", "dbrps": [], "script": "", "vars": {}},
    "recording-time": True,
    "clock": "fast",
}


def test_a_recording_runs_until_it_is_whole_and_nothing_changes_it_then() -> None:
    state = State()
    fold(state, Fact("recording", "r", "defined", {"type": "stream", "source": "stream", "position": 3}, 5))
    running = recording_of(state, "r")
    assert running is not None
    assert (running.sequence, running.date, running.status, running.position) == (5, 7, "running", 3)
    fold(state, Fact("recording", "r", "finished", {"size": 9}, 6))
    fold(state, Fact("recording", "r", "failed", {"size": 1, "error": "late"}, 7))
    assert record_of(state, "recording", "r") == replace(running, status="finished", size=9)
    fold(state, Fact("recording", "r", "deleted", {}, 8))
    assert record_of(state, "recording", "r") is None
    assert state.get(LAST, "recording/r") == 8


def test_a_replay_keeps_its_first_start() -> None:
    state = State()
    fold(state, Fact("replay", "p", "defined", REPLAY, 5))
    for seq, zero in ((6, 100), (7, 200)):
        fold(state, Fact("replay", "p", "started", {"task": "t", "worker": "w", "zero": zero}, seq))
    record = replay_of(state, "p")
    assert record is not None
    assert (record.started, record.zero, record.attempts) == (6, 100, 2)


def test_a_replay_has_side_effects_unless_it_was_defined_without() -> None:
    state = State()
    for id, what in (("p", "defined"), ("q", "defined-dry")):
        fold(state, Fact("replay", id, what, REPLAY, 5))
    found = [replay_of(state, id) for id in ("p", "q")]
    assert [record.side_effects for record in found if record is not None] == [True, False]


@pytest.mark.parametrize(
    ("kind", "what", "data"), [("recording", "odd", {}), ("replay", "finished", {}), ("x", "y", {})]
)
def test_what_is_no_such_event_changes_nothing(kind: str, what: str, data: dict[str, Any]) -> None:
    state = State()
    with pytest.raises(ValueError, match=kind):
        fold(state, Fact(kind, "r", what, data, 5))
    assert not state.bucket(LAST)
