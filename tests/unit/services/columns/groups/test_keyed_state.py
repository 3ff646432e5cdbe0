"""What is declared to be kept of each group grows, is forgotten, saved, split and joined with the groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.columns.column import IntArray
from services.columns.frame import Barriers
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.keyed_state import KeyedColumns, KeyedState, Partitioning, column, keyed_part, numbering
from services.columns.groups.series import NO_DIMENSIONS, Dimensions, Group, SeriesTable
from services.store import codec


class Inner(KeyedColumns):
    pairs: IntArray = column(np.int64, 7, inner=True)


class Kept(KeyedState):
    count: IntArray = column(np.int64)
    last: IntArray = column(np.int64, -1, key="newest")
    by: IntArray = column(np.int64, into="dimensions")
    dimensions: DimensionsTable = numbering(DimensionsTable)
    inner: Inner = keyed_part(Inner)
    several: list[Inner] = keyed_part(Inner, many=True)
    wanted: Inner | None = keyed_part(Inner)


def kept(table: SeriesTable) -> Kept:
    return Kept(table, inner=Inner((2,)), several=[Inner((1,)), Inner((1,))], wanted=None)


def groups(table: SeriesTable, *hosts: str) -> Any:
    return np.array([table.group_number(Group((("h", h),))) for h in hosts], dtype=np.int32)


def plain(state: Any) -> Any:
    """As it comes out of the store."""
    return codec.unpack(codec.pack(state))


def filled(table: SeriesTable, *hosts: str, by: Dimensions = NO_DIMENSIONS) -> Kept:
    one = kept(table)
    local = one.groups.local(groups(table, *hosts))
    one.count[local] = [ord(h) for h in hosts]
    one.by[local] = one.dimensions.number(by)
    one.inner.pairs[local] = np.array([[ord(h), 0] for h in hosts])
    one.several[1].pairs[local, 0] = local
    return one


def test_rows_of_new_groups_hold_what_is_declared() -> None:
    one = kept(SeriesTable())
    assert len(one) == 0
    assert one.groups.local(np.array([0], dtype=np.int32)).tolist() == [0]
    assert (one.count[0], one.last[0], one.inner.pairs[0].tolist()) == (0, -1, [7, 7])
    assert one.state()["newest"].tolist() == [-1]


def test_growing_keeps_what_was_there() -> None:
    table = SeriesTable()
    one = filled(table, "a", "b")
    one.groups.local(groups(table, *(f"h{i}" for i in range(500))))
    assert len(one) == 502
    assert one.count[:3].tolist() == [97, 98, 0] and len(one.count) >= 502
    assert one.inner.pairs[:3].tolist() == [[97, 0], [98, 0], [7, 7]]


def test_groups_that_barriers_end_are_forgotten_and_begin_anew() -> None:
    table = SeriesTable()
    one = filled(table, "a", "b", "c")
    ended = groups(table, "b", "x")
    nothing = np.zeros(2, dtype=np.int64)
    one.observe_barriers(Barriers(ended, nothing, nothing, NO_DIMENSIONS, True))
    assert [one.groups.group(i).tags[0][1] for i in range(len(one))] == ["a", "c"]
    assert one.count.tolist() == [97, 99] and one.inner.pairs[:, 0].tolist() == [97, 99]
    assert one.groups.local(ended[:1]).tolist() == [2]
    assert (one.count[2], one.last[2]) == (0, -1)


def test_a_barrier_that_ends_nothing_makes_its_group_known() -> None:
    table = SeriesTable()
    one = filled(table, "a")
    nothing = np.zeros(1, dtype=np.int64)
    one.observe_barriers(Barriers(groups(table, "b"), nothing, nothing, NO_DIMENSIONS))
    assert len(one) == 2 and one.last[1] == -1


def test_what_was_saved_is_taken_up_under_other_numbers() -> None:
    state = plain(filled(SeriesTable(), "a", "b").state())
    other = SeriesTable()
    groups(other, "x", "y", "b")
    one = kept(other)
    one.restore(state)
    assert one.groups.local(groups(other, "b", "a", "new")).tolist() == [1, 0, 2]
    assert one.count[:3].tolist() == [97, 98, 0] and one.several[1].pairs[:3, 0].tolist() == [0, 1, 7]


def test_what_an_older_state_lacks_is_as_with_new_groups() -> None:
    state = plain(filled(SeriesTable(), "a", "b").state())
    del state["newest"]
    one = kept(SeriesTable())
    one.restore(state)
    assert one.last[:2].tolist() == [-1, -1]


def test_a_state_is_split_by_group_and_joined_again() -> None:
    state = plain(filled(SeriesTable(), "a", "b", "c").state())
    sharing = Partitioning(3, lambda group: {"a": 1, "b": 0, "c": 1}[group.tags[0][1]])
    shares = Kept.split(state, sharing)
    assert [share["count"].tolist() for share in shares] == [[98], [97, 99], []]
    assert [share["inner"]["pairs"][:, 0].tolist() for share in shares] == [[98], [97, 99], []]
    joined = Kept.joined(shares, sharing.table)
    assert joined["count"].tolist() == [98, 97, 99] and joined["several"][1]["pairs"][:, 0].tolist() == [1, 0, 2]
    assert codec.pack(Kept.split(plain(joined), sharing)) == codec.pack(shares)


def test_numbers_of_several_states_become_those_of_one() -> None:
    by = Dimensions(("h",))
    table = SeriesTable()
    states = [filled(table, "a").state(), filled(table, "b", by=by).state()]
    joined = Kept.joined(states, table)
    assert joined["by"].tolist() == [0, 1] and [d[0] for d in joined["dimensions"]] == [[], ["h"]]


def test_states_with_a_group_in_common_are_not_joined() -> None:
    table = SeriesTable()
    with pytest.raises(ValueError, match="in common"):
        Kept.joined([filled(table, "a").state(), filled(table, "a", "b").state()], table)


def test_all_declared_parts_have_to_be_given() -> None:
    with pytest.raises(TypeError, match="inner"):
        Kept(SeriesTable(), several=[], wanted=None)
