"""What was saved of a projection comes back whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.store import projection_store
from services.store.folds.state import Stored
from services.store.projection_store import ProjectionStore
from services.store.store import Store
from tests.support.logs import logged, restored_log

__all__ = ["logged", "restored_log"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "s", "test", durable=False) as store:
        yield store


def test_what_was_saved_last_comes_back(store: Store) -> None:
    sets = {"sets": Stored(sorted, frozenset)}
    kept = ProjectionStore(store, "EVENTS", sets)
    kept.save({("sets", "a"): frozenset({2, 1}), ("plain", "b"): [1], ("plain", "c"): 3}, 5, "log")
    kept.save({("plain", "b"): None, ("plain", "c"): 4}, 6, "log")
    state, position = ProjectionStore(store, "EVENTS", sets).load("log", 6)
    assert position == 6
    assert dict(state.bucket("sets")) == {"a": frozenset({1, 2})} and dict(state.bucket("plain")) == {"c": 4}


@pytest.mark.parametrize(("log_id", "last_seq"), [("another log", 9), ("log", 5)])
def test_what_is_of_another_log_does_not_come_back(store: Store, log_id: str, last_seq: int) -> None:
    kept = ProjectionStore(store, "EVENTS", {})
    kept.save({("b", "k"): 1}, 6, "log")
    state, position = kept.load(log_id, last_seq)
    assert position == 0 and state.get("b", "k") is None


def test_what_is_not_whole_does_not_come_back(store: Store) -> None:
    kept = ProjectionStore(store, "EVENTS", {})
    kept.save({("b", "k"): 1, ("b", "broken"): 1}, 6, "log")
    with store.write() as tx:
        tx.put("EVENTS/b", "broken", b"garbage")
    state, position = kept.load("log", 6)
    assert position == 0 and not state.bucket("b")


def test_two_projections_of_one_stream_do_not_touch_each_other(store: Store) -> None:
    one, other = ProjectionStore(store, "EVENTS", {}), ProjectionStore(store, "EVENTS2", {})
    one.save({("b", "k"): 1}, 6, "log")
    other.save({("b", "k"): 2}, 7, "log")
    one.clear("log")
    assert one.load("log", 9)[1] == 0
    state, position = other.load("log", 9)
    assert position == 7 and state.get("b", "k") == 2


def test_what_another_version_saved_does_not_come_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, logged: Callable[[str], list[str]]
) -> None:
    """An event that the one could not read, and has left out, the other reads."""
    kept = ProjectionStore(store, "EVENTS", {})
    kept.save({("b", "k"): 1}, 6, "log")
    with monkeypatch.context() as later:
        later.setattr(projection_store, "_VERSION", "99")
        state, position = kept.load("log", 6)
    assert position == 0 and not state.bucket("b")
    assert len(logged("saved state is of another version of tickbus, it is rebuilt from the log")) == 1
    assert kept.load("log", 6)[1] == 6
