"""Shares of points: fixed for ever, the same for a series and for its groups."""

from __future__ import annotations

import numpy as np

from services.columns.groups.series import Group, Series, SeriesTable
from services.pipeline.tag_set import TagSet
from services.runtime.input.share import SeriesOfShare, Share

HOST = TagSet.of(["host"])


def test_states_are_kept_by_it_so_it_never_changes() -> None:
    share = Share(HOST, 0, 7)
    assert [share.of_tags((("cpu", "0"), ("host", host))) for host in ("a", "b", "c", "ä")] == [0, 5, 0, 6]
    assert share.of_tags((("cpu", "0"),)) == share.of_tags(()) == share.of_group(Group((("host", ""),)))


def test_a_group_is_where_its_points_are() -> None:
    for by in (HOST, TagSet.of(["cpu", "host"]), TagSet.all_but(["dc"])):
        share = Share(by, 0, 64)
        group = Group((("cpu", "0"), ("host", "a")))
        assert share.of_group(group) == share.of_tags((("cpu", "0"), ("dc", "x"), ("host", "a")))


def test_each_row_is_in_one_share_also_of_series_that_come_later() -> None:
    table = SeriesTable()
    shares = [SeriesOfShare(Share(HOST, number, 3), table) for number in range(3)]
    for hosts in (10, 30):
        series = [table.number(Series("db", "rp", "m", (("host", str(n)),))) for n in range(hosts)]
        rows = np.concatenate([one.rows(np.array(series, dtype=np.int32)) for one in shares])
        assert sorted(rows.tolist()) == list(range(hosts))
