"""Groups and series by name: another table gives them other numbers."""

from __future__ import annotations

import asyncio
import gc
import weakref

import numpy as np
import pytest

from services.columns.groups import portable_names as names
from services.columns.groups.portable_names import (
    GroupNames,
    Resolver,
    groups_from_state,
    groups_state,
    series_from_state,
    series_state,
)
from services.columns.groups.series import Group, Series, SeriesTable
from services.store import codec, state_chunks
from tests.support.graph import MemoryChunks

N = 50


def _tables() -> tuple[SeriesTable, SeriesTable]:
    one, other = SeriesTable(), SeriesTable()
    for i in range(N):
        one.number(_series(i))
        one.group_number(_group(i))
    other.number(_series(7))
    other.group_number(_group(9))
    return one, other


def _series(i: int) -> Series:
    return Series("db", "", f"m{i % 3}", tuple((f"k{j}", f"v{i}") for j in range(i % 4)))


def _group(i: int) -> Group:
    return Group(tuple((f"k{j}", f"v{i}") for j in range(i % 4)), f"n{i}", i % 2 == 0)


@pytest.mark.parametrize("run", [1, 7, 4096])
def test_by_name_into_another_table(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_RUN", run)
    one, other = _tables()
    series = np.array([one.number(_series(i)) for i in (3, 1, 3, 44, 7)], dtype=np.int32)
    group = np.array([one.group_number(_group(i)) for i in (9, 0, 9, 30, 21)], dtype=np.int32)
    state = {"series": series_state(series, one), "groups": groups_state(group, one)}
    chunks = MemoryChunks()
    found: list[names.Names] = []
    built = state_chunks.built(state_chunks.take(state).keep(chunks), chunks.kept.__getitem__, found)
    assert len(found) == 2
    asyncio.run(Resolver(other).resolve(found))
    for saved in (state, built, codec.unpack(codec.pack(state))):
        assert [other.series(n) for n in series_from_state(saved["series"], other)] == [
            _series(i) for i in (3, 1, 3, 44, 7)
        ]
        assert [other.group(n) for n in groups_from_state(saved["groups"], other)] == [
            _group(i) for i in (9, 0, 9, 30, 21)
        ]
    assert series_from_state(series_state(series[:0], one), other).tolist() == []


def test_names_that_come_leave_the_other_pieces_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_RUN", 8)
    one, _ = _tables()
    chunks = MemoryChunks()

    def keep(numbers: list[int]) -> int:
        """How many new pieces that makes."""
        before = len(chunks.kept)
        state_chunks.take(GroupNames(one, np.array(numbers, dtype=np.int32))).keep(chunks)
        return len(chunks.kept) - before

    assert keep(list(range(40))) == 5
    assert keep(list(range(40))) == 0
    assert keep(list(range(45))) == 1
    assert keep([n for n in range(45) if n != 11]) == 1  # one is gone
    assert keep([20, 10, 30]) == 1


def test_what_a_table_remembers_holds_no_more_than_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_RUN", 8)
    one, _ = _tables()
    groups = GroupNames(one, np.arange(40, dtype=np.int32))
    state_chunks.take(groups).keep(MemoryChunks())
    there = weakref.ref(groups)
    del groups
    gc.collect()
    assert len(one.written) == 5 and there() is None
