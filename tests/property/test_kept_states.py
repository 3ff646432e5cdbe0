"""States in a worker's store: whatever is saved, fails or is dropped, what is found is the last one that was kept."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engine.states.kept_states import KeptStates, digests_of, state_of, take
from services.store import chunk_store
from services.store.codec import Later
from services.store.errors import StoreError
from services.store.store import Store

TASKS = ("a", "b")
LENGTH = 20_000

_save = st.tuples(
    st.sampled_from(TASKS),
    st.lists(st.integers(0, LENGTH - 1), max_size=3),  # which numbers change
    st.one_of(st.none(), st.integers(0, 8)),  # the write that fails
)
_steps = st.lists(st.one_of(_save, st.sampled_from(TASKS), st.just("reopen")), max_size=10)


class _Failing(Store):
    """A disk that is full from some write on."""

    writes_left: int | None = None

    def write(self) -> Any:
        if self.writes_left is not None:
            if not self.writes_left:
                raise StoreError("no room")
            self.writes_left -= 1
        return super().write()


@pytest.fixture(autouse=True, scope="module")
def small_batches() -> object:
    """A state is written in several transactions."""
    patch = pytest.MonkeyPatch()
    patch.setattr(chunk_store, "_WRITE_BYTES", 1)
    yield
    patch.undo()


@given(_steps)
def test_the_last_one_kept_is_found(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "s"
        store = _Failing.open(path, "test", durable=False)
        assert isinstance(store, _Failing)
        kept = KeptStates(store)
        now = {task: np.arange(LENGTH) for task in TASKS}
        expected: dict[str, tuple[int, list[int]]] = {}
        for position, step in enumerate(steps):
            if step == "reopen":
                store.close()
                store = _Failing.open(path, "test", durable=False)
                assert isinstance(store, _Failing)
                kept = KeptStates(store)
            elif isinstance(step, str):
                kept.drop(step)
                expected.pop(step, None)
            else:
                task, changed, store.writes_left = step
                now[task][changed] += position
                fresh = take(task, position, {}, _state(now[task]))
                try:
                    assert kept.write([fresh]) == set()
                    expected[task] = position, now[task].tolist()
                except StoreError:
                    # what failed may be what is deleted once the state is kept
                    snapshot = kept.load(task)
                    if snapshot is not None and snapshot.position == position:
                        expected[task] = position, now[task].tolist()
                store.writes_left = None
            _check(kept, expected)
        kept.write([])
        named = {digest for task in expected for digest in digests_of(_loaded(kept, task))}
        assert {key for key, _ in store.items("pieces")} == named
        store.close()


def _state(numbers: Any) -> dict[str, Any]:
    copy = numbers.copy()
    return {"nodes": {"n1": {"numbers": numbers}, "n2": {"later": Later(lambda: [copy[:9000], "x"])}}, "clock": 1}


def _check(kept: KeptStates, expected: dict[str, tuple[int, list[int]]]) -> None:
    for task in TASKS:
        if task not in expected:
            assert kept.load(task) is None
            continue
        snapshot = _loaded(kept, task)
        state = state_of(snapshot, kept.get, [])
        position, numbers = expected[task]
        assert snapshot.position == position
        assert state["clock"] == 1
        assert state["nodes"]["n1"]["numbers"].tolist() == numbers
        assert state["nodes"]["n2"]["later"][0].tolist() == numbers[:9000]


def _loaded(kept: KeptStates, task: str) -> Any:
    snapshot = kept.load(task)
    assert snapshot is not None
    return snapshot
