"""A list of what came held against a list of what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from services.testing.matching.lists import compare_lists

GOT = [{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "a", "n": 3}]


@pytest.mark.parametrize(
    ("expected", "same"),
    [
        ([{"id": "a"}, {"id": "b"}, {"id": "a"}], True),
        ([{"id": "a"}, {"id": "a"}, {"id": "b"}], False),
        ([{"id": "a"}, {"id": "b"}], False),
        ("none", False),
        ({"any-order": [{"id": "a"}, {"id": "a"}, {"id": "b"}]}, True),
        ({"any-order": [{"id": "a"}, {"n": 1}, {"id": "b"}]}, True),  # the first must not take what the second needs
        ({"any-order": [{"id": "b"}, {"id": "b"}, {"id": "a"}]}, False),
        ({"some": [{"n": 3}, {"n": 1}]}, True),
        ({"some": [{"n": 3}, {"n": 3}]}, False),
        ({"some": [{"n": 3}], "count": 3}, True),
        ({"some": [{"n": 3}], "count": 2}, False),
        ({"count": 3}, True),
        ({"exactly": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}, False),
        ({"exactly": GOT}, True),
    ],
)
def test_lists(expected: Any, same: bool) -> None:
    assert compare_lists(expected, GOT, 0).same == same


def test_what_is_missing_and_what_is_too_much_is_told_in_its_place() -> None:
    expected = [{"n": 1}, {"n": 3}, {"n": 4}]
    rows = [(row.expected, row.got, row.wrong) for row in compare_lists(expected, GOT, 0).rows]
    assert rows == [(0, 0, False), (None, 1, True), (1, 2, False), (2, None, True)]


def test_what_came_otherwise_is_beside_what_was_expected() -> None:
    rows = compare_lists([{"n": 1}, {"id": "b", "n": 7}, {"n": 3}], GOT, 0).rows
    assert [(row.expected, row.got) for row in rows] == [(0, 0), (1, 1), (2, 2)]
    assert [one.path for one in rows[1].differences] == [("n",)]


def test_long_lists_take_no_longer_than_people_wait() -> None:
    got = [{"n": i} for i in range(20_000)]
    comparison = compare_lists([{"n": i + (i == 9000)} for i in range(20_000)], got, 0)
    assert sum(row.wrong for row in comparison.rows) == 1


@pytest.mark.parametrize("mode", ["in-order", "any-order", "some"])
def test_long_lists_that_are_all_wrong(mode: str) -> None:
    got = [{"n": i} for i in range(2000)]
    comparison = compare_lists({mode: [{"n": -i - 1} for i in range(2000)]}, got, 0)
    assert all(row.wrong for row in comparison.rows) and len(comparison.rows) == 2000
