"""Grouping frames: done once for all who ask, and nothing of a frame outlives it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from services.columns.frame import Frame, points_of
from services.columns.groups.grouping import regroup
from services.columns.groups.series import NO_DIMENSIONS, Dimensions, Series, SeriesTable

_BY_HOST = Dimensions(("host",))


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_who_groups_the_same_points_alike_shares_the_work() -> None:
    frame, table = _frame()
    one, other = regroup(frame, _BY_HOST, table), regroup(frame, _BY_HOST, table)
    assert one.group is other.group
    assert one.by_group() is other.by_group()
    assert [table.group(n).id for n in one.group.tolist()] == ["host=a", "host=b", "host=a"]


@pytest.mark.usefixtures("collector_off")
def test_points_go_with_the_last_frame_of_theirs() -> None:
    frame, table = _frame()
    grouped = regroup(frame, _BY_HOST, table)
    grouped.by_group()
    times = weakref.ref(grouped.points.time)
    del frame, grouped
    assert times() is None


def _frame() -> tuple[Frame, SeriesTable]:
    table = SeriesTable()
    a, b = (table.number(Series("db", "rp", "cpu", (("host", host),))) for host in "ab")
    points = points_of([1, 2, 3], [a, b, a], [{"v": 1.0}] * 3)
    return Frame(points, np.zeros(3, dtype=np.int32), NO_DIMENSIONS, np.arange(3)), table
