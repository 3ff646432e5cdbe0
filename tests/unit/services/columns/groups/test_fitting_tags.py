"""Series and groups with fitting tags: each is looked at once, and none that has not come."""

from __future__ import annotations

import numpy as np

from services.columns.groups.fitting_tags import FittingTags
from services.columns.groups.series import Group, Series, SeriesTable, Tags


def test_each_is_looked_at_once_when_it_comes() -> None:
    table, looked = SeriesTable(), list[Tags]()

    def fits(tags: Tags) -> bool:
        looked.append(tags)
        return ("host", "a") in tags

    fitting = FittingTags(table, fits)
    numbers = [table.number(Series("db", "rp", "m", (("host", host),))) for host in "abac"]
    of = np.array(numbers, dtype=np.int32)
    assert fitting.of_series(of[:3]).tolist() == [True, False, True]
    assert fitting.of_series(of).tolist() == [True, False, True, False]
    assert looked == [(("host", "a"),), (("host", "b"),), (("host", "c"),)]
    assert fitting.of_series(of[:0]).tolist() == []


def test_groups_are_apart_from_series() -> None:
    table = SeriesTable()
    group = table.group_number(Group((("host", "a"),)))
    fitting = FittingTags(table, lambda tags: bool(tags))
    assert fitting.of_groups(np.array([0, group, 0], dtype=np.int32)).tolist() == [False, True, False]
